import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Status } from "@coracle/shared/errors.ts";
import type { ApiServer } from "../api-server.ts";
import type { UserInfo } from "../request.ts";
import { requestOf } from "./in-process.ts";

export interface RawOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly user?: UserInfo;
}

export interface RawAnswer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: T;
  readonly text: string;
}

type Handles = Pick<ApiServer, "handle">;

const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** One request as a client would make it, and its answer whatever the status. */
export async function raw<T = KubeObject & Status>(
  api: Handles,
  method: string,
  path: string,
  options: RawOptions = {},
): Promise<RawAnswer<T>> {
  const { body, headers, user } = options;
  const wire = {
    method,
    path,
    headers: { "content-type": "application/json", ...headers },
    body:
      body === undefined || typeof body === "string" || body instanceof Uint8Array
        ? body
        : JSON.stringify(body),
  };
  const response = await api.handle(requestOf(wire, user));
  const text = await textOf(response.body);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = text;
  }
  return { status: response.status, headers: response.headers, body: parsed as T, text };
}

export const rawPatch = <T = KubeObject & Status>(
  api: Handles,
  type: keyof typeof patchTypes,
  path: string,
  body: unknown,
): Promise<RawAnswer<T>> =>
  raw<T>(api, "PATCH", path, { body, headers: { "content-type": patchTypes[type] } });

async function textOf(body: Uint8Array | string | AsyncIterable<Uint8Array | string>): Promise<string> {
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  let text = "";
  for await (const chunk of body) text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
  return text;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject & Partial<Status>;
}

/** A watch, read event by event. */
export interface RawWatch extends AsyncDisposable {
  readonly status: number;
  /** The next event; undefined when the watch has ended. */
  next(): Promise<WatchEvent | undefined>;
  /** The next `count` events as `TYPE name`. */
  names(count: number): Promise<string[]>;
  stop(): Promise<void>;
}

/** Opens a watch (`path` carries its query). */
export async function rawWatch(
  api: Handles,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawWatch> {
  const abort = new AbortController();
  const response = await api.handle(requestOf({ method: "GET", path, headers, signal: abort.signal }));
  const lines = readLines(response.body);
  const next = async (): Promise<WatchEvent | undefined> => {
    const { value, done } = await lines.next();
    return done ? undefined : (JSON.parse(value) as WatchEvent);
  };
  const stop = async (): Promise<void> => {
    abort.abort();
    await lines.return(undefined);
  };
  return {
    status: response.status,
    next,
    async names(count) {
      const found: string[] = [];
      while (found.length < count) {
        const event = await next();
        if (!event) return [...found, "END"];
        found.push(`${event.type} ${event.object.metadata?.name ?? ""}`.trim());
      }
      return found;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function* readLines(
  body: Uint8Array | string | AsyncIterable<Uint8Array | string>,
): AsyncGenerator<string, undefined> {
  if (typeof body === "string" || body instanceof Uint8Array) {
    yield Buffer.from(body).toString();
    return;
  }
  let rest = "";
  for await (const chunk of body) {
    rest += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (line) yield line;
    }
  }
}
