/** One request and one answer over a plugin's socket: all of gRPC that plugins need. */
import { open } from "node:fs/promises";
import { connect as connectSession, type ClientHttp2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import { basename, dirname } from "node:path";

const codes = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/** The call failed, in the words of gRPC. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  constructor(code: string, description: string) {
    super(`rpc error: code = ${code} desc = ${description}`);
  }
}

/** A path may be longer than the kernel allows for sockets: it is reached through its directory. */
async function connectTo(path: string): Promise<Socket> {
  const directory = await open(dirname(path));
  try {
    const socket = connect(`/proc/self/fd/${directory.fd}/${basename(path)}`);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return socket;
  } finally {
    await directory.close();
  }
}

/** A connection that is kept, to learn when the other side goes. */
export async function openSession(path: string): Promise<ClientHttp2Session> {
  const socket = await connectTo(path);
  const session = connectSession("http://localhost", { createConnection: () => socket });
  session.on("error", () => session.destroy());
  return session;
}

/** @throws GrpcError */
export async function call(
  path: string,
  method: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  let session: ClientHttp2Session;
  try {
    session = await openSession(path);
  } catch (error) {
    throw new GrpcError("Unavailable", `connection error: ${(error as Error).message}`);
  }
  try {
    return await callOn(session, method, request, timeoutMs);
  } finally {
    session.destroy();
  }
}

const prefixBytes = 5;
/** Of an answer. */
const maxBytes = 4 * 1024 * 1024;

/** @throws GrpcError */
export function callOn(
  session: ClientHttp2Session,
  method: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    let received = 0;
    let status: string | undefined;
    let message = "";
    const fail = (code: string, why: string): void => {
      reject(new GrpcError(code, why));
      stream.close();
    };
    const note = (headers: Record<string, unknown>): void => {
      if (typeof headers["grpc-status"] === "string") status = headers["grpc-status"];
      if (typeof headers["grpc-message"] === "string") message = decodeText(headers["grpc-message"]);
    };
    const timer = setTimeout(() => fail("DeadlineExceeded", "context deadline exceeded"), timeoutMs);
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received > maxBytes) fail("ResourceExhausted", "grpc: received message larger than max");
      else chunks.push(chunk);
    });
    stream.on("error", (error) => fail("Unavailable", error.message));
    const lost = (): void => fail("Unavailable", "error reading from server: EOF");
    session.once("close", lost);
    stream.on("close", () => {
      clearTimeout(timer);
      session.off("close", lost);
      if (status !== "0") fail(codes[Number(status ?? 2)] ?? "Unknown", message || "no status received");
      else resolve(Buffer.concat(chunks).subarray(prefixBytes));
    });
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([prefix, request]));
  });
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
