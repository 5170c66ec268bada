/** Hands a request to an extension server, and its answer back as it comes. */
import { request as httpRequest, type Agent, type IncomingMessage } from "node:http";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import { withoutCredentials } from "../authn/bearer.ts";
import type { ApiRequest, ApiResponse, UserInfo } from "../request.ts";
import { identityHeaders } from "./front-proxy.ts";

/** Headers of one connection. */
const dropped = new Set([
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
/** And those by which this server says anew who asks. */
const isDropped = (name: string): boolean => dropped.has(name) || name.startsWith("x-remote-");

export interface Forwarding {
  readonly agent: Agent;
  readonly host: string;
  readonly user: UserInfo;
}

/** @throws ApiError 503 when the server does not answer */
export async function forward(request: ApiRequest, { agent, host, user }: Forwarding): Promise<ApiResponse> {
  const query = request.query.toString();
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpRequest({
      method: request.method,
      host,
      path: encodeURI(request.path) + (query ? `?${query}` : ""),
      headers: headersOf(request, { host, user }),
      agent,
      signal: request.signal,
    });
    outgoing.once("response", resolve);
    outgoing.once("error", (error) =>
      reject(serviceUnavailable(`error trying to reach service: ${error.message}`)),
    );
    outgoing.end(request.body);
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && !dropped.has(name))
      headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return { status: incoming.statusCode ?? 502, headers, body: incoming as AsyncIterable<Uint8Array> };
}

function headersOf(
  request: ApiRequest,
  { host, user }: Pick<Forwarding, "host" | "user">,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { host };
  for (const [name, value] of Object.entries(withoutCredentials(request.headers)))
    if (!isDropped(name)) headers[name] = value;
  if (request.body.byteLength > 0) headers["content-length"] = String(request.body.byteLength);
  return { ...headers, "x-forwarded-for": request.remoteAddress, ...identityHeaders(user) };
}
