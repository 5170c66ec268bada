/** The kubelet's own port, where metrics servers and monitoring agents ask a node directly. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { pipeline } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { UserInfo } from "@coracle/shared/api/generated/authentication-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { Access } from "./access.ts";
import { askedOf, type Asked } from "./attributes.ts";
import type { ServingCertificate } from "./certificate.ts";

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  readonly certificate: ServingCertificate;
  /** Of the cluster, PEM: signs the client certificates that are believed. */
  readonly authority: string;
  readonly access: Access;
  /** A connection to the server that knows the answers, which takes whoever comes over it for authorized. */
  readonly connect: () => Socket;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const HEADERS_TIMEOUT_MS = 10_000;

/** Serves until `signal` aborts. Resolves to the port it listens on. @throws when it cannot listen */
export async function serveKubelet(options: KubeletServerOptions): Promise<number> {
  const { host, port, certificate, authority, log, signal } = options;
  const server = createServer(
    {
      ...certificate,
      ca: authority,
      // Without a certificate there may still be a token.
      requestCert: true,
      rejectUnauthorized: false,
      headersTimeout: HEADERS_TIMEOUT_MS,
    },
    (request, response) => {
      const target = targetOf(request);
      admit(options, request, target)
        .then((refused) => (refused ? say(response, refused) : pass(options, target, request, response)))
        .catch((error: unknown) => {
          log.warn({ err: error, path: request.url }, "a request to the kubelet could not be judged");
          say(response, { status: 500, text: "Internal Server Error" });
        });
    },
  );
  server.on("tlsClientError", (error) => log.debug({ err: error }, "no TLS with a client"));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  signal.addEventListener(
    "abort",
    () => {
      server.close();
      server.closeAllConnections();
    },
    { once: true },
  );
  const address = server.address();
  return typeof address === "object" && address ? address.port : port;
}

interface Target {
  readonly path: string;
  readonly query: string;
}

/**
 * What is asked for, read once: what is judged is what is passed on. The server behind would see another path in
 * `/metrics/../containerLogs/…`.
 */
function targetOf({ url = "/" }: IncomingMessage): Target {
  const { pathname, search } = URL.parse(url, "http://node") ?? { pathname: "/", search: "" };
  return { path: pathname, query: search };
}

interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Undefined for who may. */
async function admit(
  { access }: KubeletServerOptions,
  request: IncomingMessage,
  { path }: Target,
): Promise<Refusal | undefined> {
  const socket = request.socket as TLSSocket;
  const user = await access.authenticate(socket, request.headers.authorization);
  if (!user) return { status: 401, text: "Unauthorized" };
  const asked = askedOf(request.method ?? "GET", path);
  return (await access.authorize(user, asked)) ? undefined : { status: 403, text: forbidden(user, asked) };
}

function forbidden({ username }: UserInfo, { verb, subresources }: Asked): string {
  return `Forbidden (user=${username}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(" ")}])\n`;
}

function say(response: ServerResponse, { status, text }: Refusal): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
}

type Headers = IncomingMessage["headers"];

/** What the server behind may want to know. All else speaks of this connection, or of a body, which nothing there takes. */
const asking = new Set(["accept", "accept-encoding", "user-agent"]);
/** Of an answer: what the connection with the client decides anew. */
const hops = new Set(["connection", "keep-alive", "transfer-encoding"]);
const only = (headers: Headers, isPassed: (name: string) => boolean): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => isPassed(name)));

function pass(
  { connect }: KubeletServerOptions,
  { path, query }: Target,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const outgoing = httpRequest({
    method: request.method,
    path: path + query,
    headers: { ...only(request.headers, (name) => asking.has(name)), connection: "close" },
    createConnection: connect,
  });
  outgoing.once("response", (answer) => {
    response.writeHead(
      answer.statusCode ?? 502,
      only(answer.headers, (name) => !hops.has(name)),
    );
    pipeline(answer, response, () => undefined);
  });
  outgoing.on("error", (error) => say(response, { status: 502, text: error.message }));
  response.once("close", () => outgoing.destroy());
  request.resume();
  outgoing.end();
}
