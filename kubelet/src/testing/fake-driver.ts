/** A driver of devices as a plugin of the kubelet, for tests. */
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { decode, encode, type ClaimReference, type MessageType } from "../devices/messages.ts";
import {
  claims,
  nothing,
  pluginInfo,
  prepared,
  registrationStatus,
  unprepared,
  type PreparedDevice,
} from "../devices/messages.ts";

export interface FakeDriver {
  /** What it was asked, oldest first: `NodePrepareResources a b`. */
  readonly calls: string[];
  /** What the kubelet said to its registration. */
  readonly answers: { pluginRegistered: boolean; error: string }[];
  /** Set to make it refuse. */
  error: string;
  close(): Promise<void>;
}

interface FakeDriverOptions {
  readonly name: string;
  readonly socket: string;
  readonly type?: string;
  readonly endpoint?: string;
  readonly devices?: (claim: ClaimReference) => readonly PreparedDevice[];
}

export async function startFakeDriver(options: FakeDriverOptions): Promise<FakeDriver> {
  const driver: FakeDriver = { calls: [], answers: [], error: "", close };
  const handlers: Readonly<Record<string, (body: Uint8Array) => [MessageType, object]>> = {
    GetInfo: () => [
      pluginInfo,
      {
        type: options.type ?? "DRAPlugin",
        name: options.name,
        endpoint: options.endpoint ?? options.socket,
        supportedVersions: ["v1.DRAPlugin"],
      },
    ],
    NotifyRegistrationStatus: (body) => {
      driver.answers.push(decode(registrationStatus, body));
      return [nothing, {}];
    },
    NodePrepareResources: (body) => answer("NodePrepareResources", prepared, body),
    NodeUnprepareResources: (body) => answer("NodeUnprepareResources", unprepared, body),
  };
  function answer(method: string, type: MessageType, body: Uint8Array): [MessageType, object] {
    const asked = decode<{ claims: ClaimReference[] }>(claims, body).claims;
    driver.calls.push(`${method} ${asked.map((c) => c.name).join(" ")}`);
    const one = (claim: ClaimReference): object =>
      driver.error ? { error: driver.error } : { devices: options.devices?.(claim) ?? [] };
    return [type, { claims: Object.fromEntries(asked.map((claim) => [claim.uid, one(claim)])) }];
  }
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const handler = handlers[String(headers[":path"]).split("/").at(-1) ?? ""];
      const [type, content] = handler?.(Buffer.concat(chunks).subarray(5)) ?? [nothing, {}];
      const message = encode(type, { ...content });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": handler ? "0" : "12" }));
      stream.end(Buffer.concat([prefix, message]));
    });
  });
  await new Promise<void>((resolve) => server.listen(options.socket, resolve));
  function close(): Promise<void> {
    for (const session of sessions) session.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  }
  return driver;
}
