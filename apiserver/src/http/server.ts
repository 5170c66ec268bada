import { createServer, type Server, type ServerOptions } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import express from "express";
import { ApiError, internalError } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { respondStatus } from "../registry/respond.ts";
import type { ApiRequest, Handle } from "../request.ts";
import { apiRequest } from "./incoming.ts";
import { send } from "./outgoing.ts";
import { leavesHttp } from "./upgrade.ts";

export interface HttpsOptions {
  readonly tls: Pick<ServerOptions, "ca" | "cert" | "key">;
  readonly handle: Handle;
  /** Serves what asks to leave HTTP: streams, proxied upgrades, WebSockets. */
  readonly upgrade: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly log?: Logger | undefined;
}

/** The HTTPS transport. The caller listens on it and closes it. */
export function createHttpsServer({ tls, handle, upgrade, log }: HttpsOptions): Server {
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    serve(handle, incoming, outgoing).catch((error: unknown) => {
      log?.error({ err: error, path: incoming.url }, "the answer could not be sent");
      outgoing.destroy();
    });
  };
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(answer);
  const server = createServer(
    {
      ...tls,
      requestCert: true,
      // A client without a certificate may have a token; a wrong certificate is refused with a 401.
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      keepAliveTimeout: 90_000,
      // As upstream: a megabyte of headers (long selectors and continue tokens are in the path), sent within half a minute.
      maxHeaderSize: 1 << 20,
      headersTimeout: 32_000,
      requestTimeout: 60_000,
      noDelay: true,
      shouldUpgradeCallback: leavesHttp,
    },
    // Express gives every request another prototype, a third of what Node takes for one: resources go past it.
    (incoming, outgoing) => (isResource(incoming.url) ? answer : app)(incoming, outgoing),
  );
  server.on("upgrade", upgrade);
  return server;
}

const isResource = (url = ""): boolean => url.startsWith("/api/") || url.startsWith("/apis/");

async function serve(handle: Handle, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const abort = new AbortController();
  outgoing.once("close", () => {
    // Most answers are out by now, and an abort is not cheap.
    if (!outgoing.writableFinished) abort.abort();
  });
  let request: ApiRequest;
  try {
    request = await apiRequest(incoming, abort.signal);
  } catch (error) {
    if (outgoing.destroyed || incoming.errored) return;
    await refuse(incoming, outgoing, error);
    return;
  }
  await send(incoming, outgoing, await handle(request));
}

/** Answers a request that could not even be read. */
async function refuse(incoming: IncomingMessage, outgoing: ServerResponse, error: unknown): Promise<void> {
  const { status } = error instanceof ApiError ? error : internalError("the request could not be read");
  // What is left of the body is not read any more, so the connection cannot be used again.
  outgoing.setHeader("connection", "close");
  const headers = { accept: incoming.headers.accept };
  await send(incoming, outgoing, respondStatus({ headers }, status));
}
