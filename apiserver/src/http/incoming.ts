import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { badRequest, requestEntityTooLarge, unauthorized } from "@coracle/shared/errors.ts";
import { userFromCertificate } from "../authn/certificate.ts";
import type { ApiRequest, UserInfo } from "../request.ts";

/** Upstream's limit for a request's body. */
export const maxBodyBytes = 3 * 1024 * 1024;
const empty = new Uint8Array();

/** The API's request from Node's; `signal` aborts when the client goes. @throws ApiError 400, 401, 413 */
export async function apiRequest(incoming: IncomingMessage, signal: AbortSignal): Promise<ApiRequest> {
  const url = incoming.url ?? "/";
  const mark = url.indexOf("?");
  const rawQuery = mark < 0 ? "" : url.slice(mark + 1);
  return {
    method: incoming.method ?? "GET",
    path: decodePath(mark < 0 ? url : url.slice(0, mark)),
    query: new URLSearchParams(rawQuery),
    rawQuery,
    headers: headersOf(incoming),
    connectionUser: connectionUser(incoming.socket as TLSSocket),
    body: await readBody(incoming),
    remoteAddress: plainAddress(incoming.socket.remoteAddress ?? ""),
    signal,
  };
}

/** A socket for both families has IPv4 clients in IPv6's form; audit and forwarded requests name them as they are. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

const impersonation = "impersonate-";

/**
 * Node joins repeated headers with commas; only set-cookie, which no client sends, would be a list. Those of impersonation are
 * joined by line feeds, which no header can have, since a group's name may have commas.
 */
function headersOf({ headers, rawHeaders }: IncomingMessage): ApiRequest["headers"] {
  const joined = headers as Record<string, string | undefined>;
  if (joined["impersonate-user"] === undefined) return joined;
  const repeated = new Map<string, string[]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    if (name.startsWith(impersonation))
      repeated.set(name, [...(repeated.get(name) ?? []), rawHeaders[i + 1] ?? ""]);
  }
  return { ...joined, ...Object.fromEntries([...repeated].map(([name, v]) => [name, v.join("\n")])) };
}

function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(path)}`);
  }
}

/** A connection's certificate is looked at once, but a connection outlives it no more than a request does. */
const certified = new WeakMap<TLSSocket, { user: UserInfo | undefined; until: number }>();

function connectionUser(socket: TLSSocket): UserInfo | undefined {
  const known = certified.get(socket) ?? certifiedUser(socket);
  if (known.until < Date.now()) throw unauthorized();
  certified.set(socket, known);
  return known.user;
}

function certifiedUser(socket: TLSSocket): { user: UserInfo | undefined; until: number } {
  const certificate =
    typeof socket.getPeerCertificate === "function" ? socket.getPeerCertificate() : undefined;
  if (certificate === undefined || Object.keys(certificate).length === 0)
    return { user: undefined, until: Infinity };
  // A certificate that our CA did not sign is a bad credential, not a missing one.
  if (!socket.authorized) throw unauthorized();
  return { user: userFromCertificate(certificate), until: Date.parse(certificate.valid_to) };
}

/** The whole body. Listeners, since an async iterator costs more than all the rest of reading. */
async function readBody(incoming: IncomingMessage): Promise<Uint8Array> {
  const declared = Number(incoming.headers["content-length"] ?? NaN);
  if (declared > maxBodyBytes) throw requestEntityTooLarge(`limit is ${maxBodyBytes}`);
  if (declared === 0 || (Number.isNaN(declared) && !incoming.headers["transfer-encoding"])) return empty;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) {
        incoming.pause();
        reject(requestEntityTooLarge(`limit is ${maxBodyBytes}`));
      } else chunks.push(chunk);
    });
    incoming.once("end", () =>
      resolve(chunks.length === 1 ? (chunks[0] ?? empty) : Buffer.concat(chunks, size)),
    );
    incoming.once("error", reject);
    incoming.once("close", () => {
      if (!incoming.complete) reject(badRequest("the request ended before its body did"));
    });
  });
}
