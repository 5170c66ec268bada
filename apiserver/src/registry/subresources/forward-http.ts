import { request as httpRequest, type IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import type { ApiRequest, ApiResponse } from "../../request.ts";

/** Where a proxied request goes. */
export interface ProxyTarget {
  readonly node: string;
  /** Of the `proxy` session with its kubelet. */
  readonly message: object;
  readonly host: string;
  readonly scheme: "http" | "https";
}

/** Headers that belong to one connection, and ours that are no business of the pod's. */
const notForwarded = new Set([
  "authorization",
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Sends a request over a session of raw bytes and gives back its answer, body and all, as it comes. */
export async function forwardHttp(
  request: ApiRequest,
  path: string,
  { target, session }: { readonly target: ProxyTarget; readonly session: DuplexChannels },
): Promise<ApiResponse> {
  const raw = socketOver(session);
  const socket = target.scheme === "https" ? tlsConnect({ socket: raw, rejectUnauthorized: false }) : raw;
  const query = request.query.toString();
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpRequest({
      method: request.method,
      path: encodeURI(path) + (query ? `?${query}` : ""),
      headers: forwarded(request, target),
      createConnection: () => socket,
    });
    outgoing.once("response", resolve);
    outgoing.once("error", (error) => {
      session.end();
      reject(serviceUnavailable(`error trying to reach service: ${error.message}`));
    });
    outgoing.end(request.body);
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && !notForwarded.has(name))
      headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { status: incoming.statusCode ?? 502, headers, body: relay(incoming, session) };
}

function forwarded(request: ApiRequest, target: ProxyTarget): Record<string, string> {
  const headers: Record<string, string> = { host: target.host, connection: "close" };
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !notForwarded.has(name)) headers[name] = value;
  }
  if (request.body.byteLength > 0) headers["content-length"] = String(request.body.byteLength);
  return headers;
}

async function* relay(incoming: IncomingMessage, session: DuplexChannels): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) yield chunk;
  } finally {
    session.end();
  }
}

const up = 0;
const down = 1;

async function passOn(
  session: DuplexChannels,
  chunk: Buffer,
  done: (error?: Error | null) => void,
): Promise<void> {
  try {
    await session.send(up, chunk);
  } catch (error) {
    done(error as Error);
    return;
  }
  done();
}

/** A socket of the session's two data channels. */
export function socketOver(session: DuplexChannels): Duplex {
  const messages = session.receive()[Symbol.asyncIterator]();
  const pull = async (socket: Duplex): Promise<void> => {
    for (;;) {
      const { done, value } = await messages.next();
      if (done || ("closed" in value && value.channel === down)) {
        socket.push(null);
        return;
      }
      if ("data" in value && value.channel === down && value.data.byteLength > 0) {
        socket.push(value.data);
        return;
      }
    }
  };
  return new Duplex({
    read() {
      pull(this).catch((error: unknown) => this.destroy(error as Error));
    },
    write(chunk: Buffer, _encoding, done) {
      void passOn(session, chunk, done);
    },
    final(done) {
      session.closeSend(up);
      done();
    },
    destroy(error, done) {
      session.end();
      done(error);
    },
  });
}
