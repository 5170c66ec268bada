import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { ApiError, badRequest, internalError } from "@coracle/shared/errors.ts";
import { bearerSubprotocol } from "../authn/bearer.ts";

/** A request that asks to leave HTTP. */
export interface UpgradeRequest {
  readonly incoming: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

type Asking = Pick<UpgradeRequest, "incoming">;

const listHeader = (request: Asking, name: string): string[] =>
  [request.incoming.headers[name] ?? []]
    .flat()
    .flatMap((value) => value.split(","))
    .map((value) => value.trim())
    .filter((value) => value !== "");

export const wantsSpdy = (request: Asking): boolean =>
  listHeader(request, "upgrade").some((value) => value.toLowerCase() === "spdy/3.1");
export const wantsWebSocket = (request: Asking): boolean =>
  listHeader(request, "upgrade").some((value) => value.toLowerCase() === "websocket");
/** Without the one that carries a bearer token: it is no protocol. */
export const offeredSubprotocols = (request: UpgradeRequest): string[] =>
  listHeader(request, "sec-websocket-protocol").filter((name) => !name.startsWith(bearerSubprotocol));

const chosenSubprotocol = new WeakMap<IncomingMessage, string>();
const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 4 * 1024 * 1024 });
server.on("headers", (headers, request) => {
  const chosen = chosenSubprotocol.get(request);
  if (chosen) headers.push(`Sec-WebSocket-Protocol: ${chosen}`);
});

/**
 * Completes a WebSocket handshake with a subprotocol the caller chose ("" for none). The header is kept from `ws`, which takes a
 * `/` in a name (`SPDY/3.1+portforward.k8s.io`) for an error, and is added to the answer here.
 */
export function acceptWebSocket(request: UpgradeRequest, subprotocol: string): Promise<WebSocket> {
  if (subprotocol) chosenSubprotocol.set(request.incoming, subprotocol);
  delete request.incoming.headers["sec-websocket-protocol"];
  return new Promise((resolve, reject) => {
    request.socket.once("close", () => reject(new Error("the client went away during the handshake")));
    server.handleUpgrade(request.incoming, request.socket, request.head, resolve);
  });
}

/** Answers 101 for raw SPDY/3.1 and gives the socket over. `protocol` is the agreed X-Stream-Protocol-Version. */
export function acceptSpdy(request: UpgradeRequest, protocol: string): Duplex {
  const version = protocol ? `X-Stream-Protocol-Version: ${protocol}\r\n` : "";
  request.socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${version}\r\n`,
  );
  if (request.head.length > 0) request.socket.unshift(request.head);
  return request.socket;
}

/** The first of ours that the client offers too. @throws ApiError 403, as upstream, when there is none */
export function negotiateStreamProtocol(request: UpgradeRequest, ours: readonly string[]): string {
  const offered = listHeader(request, "x-stream-protocol-version");
  if (offered.length === 0) return "";
  const agreed = ours.find((protocol) => offered.includes(protocol));
  if (agreed) return agreed;
  throw new ApiError(
    403,
    "Forbidden",
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(" ")}], server supports [${ours.join(" ")}]`,
  );
}

/** The answer to a streaming request without an upgrade header. */
export const upgradeRequired = (): ApiError => badRequest("Upgrade request required");

/** Refuses an upgrade: the Status goes out as an ordinary HTTP answer and the connection is closed. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status } = error instanceof ApiError ? error : internalError("the request could not be upgraded");
  const body = JSON.stringify(status);
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason ?? "Error"}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
