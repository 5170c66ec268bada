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
    // Node joins repeated headers; only set-cookie, which no client sends, would be a list.
    headers: incoming.headers as ApiRequest["headers"],
    connectionUser: connectionUser(incoming.socket as TLSSocket),
    body: await readBody(incoming),
    remoteAddress: incoming.socket.remoteAddress ?? "",
    signal,
  };
}

function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(path)}`);
  }
}

/** A connection's certificate is looked at once. */
const users = new WeakMap<TLSSocket, UserInfo | undefined>();

function connectionUser(socket: TLSSocket): UserInfo | undefined {
  if (users.has(socket)) return users.get(socket);
  const certificate =
    typeof socket.getPeerCertificate === "function" ? socket.getPeerCertificate() : undefined;
  const given = certificate !== undefined && Object.keys(certificate).length > 0;
  // A certificate that our CA did not sign is a bad credential, not a missing one.
  if (given && !socket.authorized) throw unauthorized();
  const user = given ? userFromCertificate(certificate) : undefined;
  users.set(socket, user);
  return user;
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
