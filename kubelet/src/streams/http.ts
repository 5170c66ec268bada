/** What the kubelet's own HTTP server gives of logs: a container's, and the files of the node's /var/log. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { ApiError, notFound } from "@coracle/shared/errors.ts";
import type { HttpHandler } from "@coracle/shared/process.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { walk } from "../volumes/walk.ts";
import { serveLogs, type LogRequest } from "./logs.ts";
import type { PodDirectory } from "./target.ts";

export interface LogHttpOptions {
  readonly runtime: Runtime;
  readonly pods: PodDirectory;
  /** The uid of a pod on this node. */
  uidOf(namespace: string, name: string): string | undefined;
  /** The node's directory of logs, as this process sees it. */
  readonly directory: string;
  /** Logs are not for everybody who can reach the server. */
  isAllowed(socket: Socket): boolean;
  readonly now?: (() => number) | undefined;
}

const number = (text: string | null): number | undefined => (text === null ? undefined : Number(text));

function requestOf(url: URL, target: Omit<LogRequest, "uid">, uid: string): LogRequest {
  const { searchParams: query } = url;
  return {
    ...target,
    uid,
    follow: query.get("follow") === "true",
    previous: query.get("previous") === "true",
    timestamps: query.get("timestamps") === "true",
    sinceSeconds: number(query.get("sinceSeconds")),
    sinceTime: query.get("sinceTime") ?? undefined,
    tailLines: number(query.get("tailLines")),
    limitBytes: number(query.get("limitBytes")),
    stream: query.get("stream") ?? undefined,
  };
}

async function containerLog(options: LogHttpOptions, url: URL, response: ServerResponse): Promise<void> {
  const [, , namespace = "", pod = "", container = ""] = url.pathname.split("/").map(decodeURIComponent);
  const uid = options.uidOf(namespace, pod);
  if (uid === undefined) throw notFound({ group: "", resource: "pods" }, pod);
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const send = async (_channel: number, data: Uint8Array): Promise<void> => {
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/plain" });
    if (!response.write(data) && !gone.signal.aborted)
      await new Promise<void>((resolve) => {
        response.once("drain", resolve);
        gone.signal.addEventListener("abort", () => resolve(), { once: true });
      });
  };
  const request = requestOf(url, { namespace, pod, container }, uid);
  const now = options.now ?? Date.now;
  await serveLogs(options.runtime, options.pods, request, { send, aborted: gone.signal }, now());
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/plain" });
  response.end();
}

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&#34;");

/** A directory as a list of links, a file as it is; no link leads out. */
async function nodeLog(options: LogHttpOptions, url: URL, response: ServerResponse): Promise<void> {
  const missing = new ApiError(404, "NotFound", "404 page not found");
  const asked = decodeURIComponent(url.pathname.replace(/^\/logs\//, ""));
  const below = await walk(options.directory, asked, {
    chroot: true,
    outside: () => missing,
    missing: () => Promise.reject(missing),
  });
  const path = join(options.directory, below);
  const found = await stat(path).catch(() => Promise.reject(missing));
  if (found.isFile()) {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "content-length": found.size });
    createReadStream(path, { end: Math.max(0, found.size - 1) })
      .on("error", () => response.destroy())
      .pipe(response);
    return;
  }
  if (!found.isDirectory()) throw missing;
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.map((e) => (e.isDirectory() ? `${e.name}/` : e.name)).toSorted();
  const links = names.map((n) => `<a href="${encodeURI(n)}">${escapeHtml(n)}</a>\n`).join("");
  response
    .writeHead(200, { "content-type": "text/html; charset=utf-8" })
    .end(`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links}</pre>\n`);
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else
    response
      .writeHead(error instanceof ApiError ? error.code : 500, {
        "content-type": "text/plain; charset=utf-8",
      })
      .end(`${(error as Error).message}\n`);
}

/** Answers GET of /containerLogs/<namespace>/<pod>/<container> and /logs/…; all else is left to others. */
export function createLogHttp(options: LogHttpOptions): HttpHandler {
  return (request: IncomingMessage, response: ServerResponse) => {
    // What is no path (`//`) is nobody's.
    const url = URL.parse(request.url ?? "/", "http://node");
    if (!url) return false;
    const serve = /^\/containerLogs(\/[^/]+){3}$/.test(url.pathname)
      ? containerLog
      : url.pathname.startsWith("/logs/")
        ? nodeLog
        : undefined;
    if (!serve && url.pathname !== "/logs") return false;
    if (!options.isAllowed(request.socket)) response.writeHead(403).end("Forbidden");
    else if (url.pathname === "/logs") response.writeHead(301, { location: "logs/" }).end();
    else if (!serve) return false;
    else if (request.method !== "GET") response.writeHead(405, { allow: "GET" }).end("method not allowed");
    else serve(options, url, response).catch((error: unknown) => refuse(response, error));
    return true;
  };
}
