import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { pipeline, type Duplex, type Transform } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import { createGunzip, createInflate } from "node:zlib";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { ApiError, serviceUnavailable } from "@coracle/shared/errors.ts";
import { withoutCredentials } from "../../../authn/bearer.ts";
import type { ApiRequest, ApiResponse } from "../../../request.ts";
import { rewriteHtml, rewriteLink, type LinkContext } from "./links.ts";
import { socketOver } from "./socket.ts";

/** Where a proxied request goes. */
export interface ProxyTarget {
  readonly node: string;
  /** Of the `proxy` session with its kubelet. */
  readonly message: object;
  readonly host: string;
  readonly scheme: "http" | "https";
}

/** A request on its way: the target's own path, and an open session with its node. */
export interface Forwarding {
  readonly target: ProxyTarget;
  readonly session: DuplexChannels;
  /** Begins with a slash. */
  readonly path: string;
}

/** Headers that belong to one connection. */
const notForwarded = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** What the API server itself decides of other origins must not be overruled by a pod. */
const corsHeaders = /^access-control-/;

/** Sends a request over a session of raw bytes and gives back its answer, body and all, as it comes. */
export async function forwardHttp(request: ApiRequest, forwarding: Forwarding): Promise<ApiResponse> {
  const { session } = forwarding;
  const outgoing = startRequest(request, forwarding, { connection: "close" });
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", (error) => reject(unreachable(session, error)));
    outgoing.end(request.body);
  });
  return respond(request, forwarding, incoming);
}

/** What became of a request to leave HTTP. */
export type Upgraded =
  | { readonly accepted: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
  | { readonly refused: ApiResponse };

/** Sends a request to leave HTTP (a WebSocket's, say). The target's word is final, whichever it is. */
export async function forwardUpgrade(request: ApiRequest, forwarding: Forwarding): Promise<Upgraded> {
  const { session } = forwarding;
  const upgrade = { connection: "Upgrade", upgrade: request.headers["upgrade"] ?? "" };
  const outgoing = startRequest(request, forwarding, upgrade);
  return new Promise<Upgraded>((resolve, reject) => {
    outgoing.once("upgrade", (accepted, socket, head) => resolve({ accepted, socket, head }));
    outgoing.once("response", (incoming) => resolve({ refused: respond(request, forwarding, incoming) }));
    outgoing.once("error", (error) => reject(unreachable(session, error)));
    outgoing.end();
  });
}

function unreachable(session: DuplexChannels, error: Error): ApiError {
  session.end();
  return error instanceof ApiError
    ? error
    : serviceUnavailable(`error trying to reach service: ${error.message}`);
}

function startRequest(
  request: ApiRequest,
  { target, session, path }: Forwarding,
  connection: Readonly<Record<string, string>>,
): ClientRequest {
  const raw = socketOver(session);
  const socket = target.scheme === "https" ? tlsConnect({ socket: raw, rejectUnauthorized: false }) : raw;
  if (socket !== raw) raw.on("error", (error) => socket.destroy(error));
  // HTTP lets go of it when the target takes the upgrade: until somebody else looks, its end must not be everybody's.
  socket.on("error", () => undefined);
  const query = request.rawQuery ?? request.query.toString();
  return httpRequest({
    method: request.method,
    path: escapePath(path) + (query ? `?${query}` : ""),
    headers: { ...forwarded(request, { target, path }), ...connection },
    createConnection: () => socket,
    // Simple servers end their lines with a bare line feed, which clients take. Nothing else goes over this connection.
    insecureHTTPParser: true,
  });
}

/** The path was decoded on its way in; a question mark in it must not begin a query now. */
const escapePath = (path: string): string => encodeURI(path).replaceAll("?", "%3F").replaceAll("#", "%23");

const hostOf = (request: ApiRequest, target: ProxyTarget): string => request.headers["host"] ?? target.host;

/** What stands before the target's path in ours. */
const prefixOf = (request: ApiRequest, path: string): string =>
  request.path.endsWith(path) ? request.path.slice(0, -path.length) : request.path;

/** The client's own headers, its Host too, and what a reverse proxy adds. */
function forwarded(
  request: ApiRequest,
  { target, path }: { readonly target: ProxyTarget; readonly path: string },
): Record<string, string> {
  const headers: Record<string, string> = { host: hostOf(request, target) };
  for (const [name, value] of Object.entries(withoutCredentials(request.headers))) {
    if (name !== "content-length" && !notForwarded.has(name)) headers[name] = value;
  }
  if (request.body.byteLength > 0) headers["content-length"] = String(request.body.byteLength);
  const before = request.headers["x-forwarded-for"];
  headers["x-forwarded-for"] = [before, request.remoteAddress].filter(Boolean).join(", ");
  headers["x-forwarded-uri"] = prefixOf(request, path) + escapePath(path);
  return headers;
}

function respond(
  request: ApiRequest,
  { target, session, path }: Forwarding,
  incoming: IncomingMessage,
): ApiResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === "string" && !notForwarded.has(name) && !corsHeaders.test(name))
      headers[name] = value;
  }
  const cookies = incoming.headers["set-cookie"];
  const links: LinkContext = {
    prefix: prefixOf(request, path),
    hosts: [hostOf(request, target), target.host],
  };
  const status = incoming.statusCode ?? 502;
  if (request.method === "HEAD") session.end();
  if (headers["location"]) headers["location"] = rewriteLink(headers["location"], links);
  else if (isHtml(headers)) {
    const plain = decoded(incoming, headers["content-encoding"]);
    if (plain) {
      delete headers["content-encoding"];
      delete headers["content-length"];
      return { status, headers, cookies, body: relay(rewriteHtml(plain, links), session) };
    }
  }
  return { status, headers, cookies, body: relay(incoming, session) };
}

const isHtml = (headers: Readonly<Record<string, string>>): boolean =>
  (headers["content-type"] ?? "").split(";")[0]?.trim() === "text/html";

/** Undefined for an encoding that cannot be looked into. */
function decoded(incoming: IncomingMessage, encoding: string | undefined): AsyncIterable<Buffer> | undefined {
  if (!encoding) return incoming;
  if (encoding === "gzip") return through(incoming, createGunzip());
  return encoding === "deflate" ? through(incoming, createInflate()) : undefined;
}

/** An answer that breaks off ends what it is read through, too: whoever reads that gets the error. */
const through = (incoming: IncomingMessage, unpack: Transform): Transform =>
  pipeline(incoming, unpack, () => undefined);

async function* relay(
  chunks: AsyncIterable<Uint8Array>,
  session: DuplexChannels,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } finally {
    session.end();
  }
}
