import { headers as natsHeaders, nuid, type Msg, type NatsConnection } from "nats";
import { unescapeToken } from "@coracle/shared/bus/subjects.ts";
import { ApiError, internalError, unauthorized } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { ApiRequest, ApiResponse, UserInfo } from "../request.ts";
import { agentOfIdentity, userOfIdentity } from "./identity.ts";

export interface ServeApi {
  /** Takes no more requests and waits for those under way. */
  stop(): Promise<void>;
}

interface Call {
  readonly identity: string;
  readonly abort: AbortController;
  /** Chunks the client is ready to take. */
  credit: number;
  onCredit: (() => void) | undefined;
}

/** Bodies above this are cut; it stays below the broker's payload limit of 1 MiB. */
const CHUNK_BYTES = 512 * 1024;
/** Chunks under way to one client. */
const WINDOW = 4;
/** A client that takes nothing for this long is gone. */
const STALLED_MS = 30_000;

/**
 * Serves the API on the bus: `api.<identity>`, one of the API servers answering each request. The subject says who asks;
 * the broker lets nobody publish under another's name.
 */
export function serveApi(
  nc: NatsConnection,
  handle: (request: ApiRequest) => Promise<ApiResponse>,
  log?: Logger,
): ServeApi {
  const replica = nuid.next();
  const calls = new Map<string, Call>();

  const answer = async (message: Msg, identity: string, call: Call): Promise<void> => {
    const reply = message.reply ?? "";
    try {
      const user = userOfIdentity(identity);
      const response = user
        ? await handle(requestOf(message, { user, agent: agentOfIdentity(identity) }, call.abort.signal))
        : errorResponse(unauthorized());
      await respond(nc, { reply, replica, call, response });
    } catch (error) {
      if (call.abort.signal.aborted) return;
      const known = error instanceof ApiError;
      if (!known) log?.error({ err: error, identity }, "request over the bus failed");
      await respond(nc, {
        reply,
        replica,
        call,
        response: errorResponse(known ? error : internalError((error as Error).message)),
      }).catch((failed: unknown) => log?.error({ err: failed, identity }, "cannot answer over the bus"));
    } finally {
      calls.delete(reply);
    }
  };

  const requests = nc.subscribe("api.*", {
    queue: "apiserver",
    callback: (error, message) => {
      if (error || !message.reply) return;
      const identity = unescapeToken(message.subject.slice("api.".length));
      const call: Call = { identity, abort: new AbortController(), credit: WINDOW, onCredit: undefined };
      calls.set(message.reply, call);
      void answer(message, identity, call);
    },
  });
  const control = nc.subscribe("api-control.*.*", {
    callback: (error, message) => {
      if (error) return;
      const [, identity, to] = message.subject.split(".");
      if (to !== replica && to !== "all") return;
      onControl(message, unescapeToken(identity ?? "_"));
    },
  });
  const onControl = (message: Msg, identity: string): void => {
    const parsed = parseControl(message);
    const call = parsed && calls.get(parsed.id);
    if (!call || call.identity !== identity) return;
    if (parsed.type === "cancel") call.abort.abort();
    else if (parsed.type === "probe") nc.publish(parsed.id, "", { headers: aliveHeaders });
    else call.credit += 1;
    call.onCredit?.();
  };

  return {
    stop: async () => {
      await requests.drain().catch(() => requests.unsubscribe());
      while (calls.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      control.unsubscribe();
    },
  };
}

const aliveHeaders = natsHeaders();
aliveHeaders.set("alive", "1");

function parseControl(message: Msg): { type: string; id: string } | undefined {
  try {
    const value = message.json<{ type?: unknown; id?: unknown }>();
    return typeof value.type === "string" && typeof value.id === "string"
      ? { type: value.type, id: value.id }
      : undefined;
  } catch {
    // Not ours to answer: a client that sends garbage only hurts its own requests.
    return undefined;
  }
}

function requestOf(
  message: Msg,
  { user, agent }: { user: UserInfo; agent: string },
  signal: AbortSignal,
): ApiRequest {
  const headers: Record<string, string> = {};
  for (const [name, values] of message.headers ?? []) headers[name.toLowerCase()] = values[0] ?? "";
  const { method = "GET", path: target = "/", ...rest } = headers;
  const mark = target.indexOf("?");
  return {
    method,
    path: decodePath(mark < 0 ? target : target.slice(0, mark)),
    query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
    headers: { "user-agent": agent, ...rest },
    body: message.data,
    connectionUser: user,
    remoteAddress: "",
    signal,
  };
}

function decodePath(path: string): string {
  try {
    return path.includes("%") ? decodeURIComponent(path) : path;
  } catch {
    throw new ApiError(400, "BadRequest", "the path is not valid");
  }
}

const errorResponse = (error: ApiError): ApiResponse => ({
  status: error.code,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(error.status),
});

interface Answer {
  readonly reply: string;
  readonly replica: string;
  readonly call: Call;
  readonly response: ApiResponse;
}

async function respond(nc: NatsConnection, answer: Answer): Promise<void> {
  const { body } = answer.response;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    await respondStream(nc, answer, body);
    return;
  }
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  if (bytes.length <= CHUNK_BYTES) {
    nc.publish(answer.reply, bytes, { headers: headersOf(answer, 0, false) });
    return;
  }
  let chunk = 0;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES, chunk++) {
    await credit(answer.call);
    const more = at + CHUNK_BYTES < bytes.length;
    nc.publish(answer.reply, bytes.subarray(at, at + CHUNK_BYTES), {
      headers: headersOf(answer, chunk, more),
    });
  }
}

/** A stream's parts go out as they come; an empty last message ends it, or says that it broke off. */
async function respondStream(
  nc: NatsConnection,
  answer: Answer,
  body: AsyncIterable<Uint8Array | string>,
): Promise<void> {
  let chunk = 0;
  try {
    for await (const part of body) {
      const bytes = typeof part === "string" ? Buffer.from(part) : part;
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        await credit(answer.call);
        nc.publish(answer.reply, bytes.subarray(at, at + CHUNK_BYTES), {
          headers: headersOf(answer, chunk++, true),
        });
      }
    }
  } catch (error) {
    const headers = natsHeaders();
    headers.set("aborted", "1");
    if (!answer.call.abort.signal.aborted) nc.publish(answer.reply, "", { headers });
    throw error;
  }
  nc.publish(answer.reply, "", { headers: headersOf(answer, chunk, false) });
}

function headersOf(answer: Answer, chunk: number, more: boolean) {
  const { response } = answer;
  const headers = natsHeaders();
  headers.set("status", String(response.status));
  for (const name in response.headers) headers.set(name.toLowerCase(), response.headers[name] ?? "");
  if (chunk > 0) headers.set("chunk", String(chunk));
  if (more) {
    headers.set("more", "1");
    headers.set("replica", answer.replica);
  }
  return headers;
}

/** Waits until the client can take another chunk. */
async function credit(call: Call): Promise<void> {
  while (call.credit <= 0) {
    call.abort.signal.throwIfAborted();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => call.abort.abort(), STALLED_MS);
      const done = (): void => {
        clearTimeout(timer);
        call.abort.signal.removeEventListener("abort", done);
        call.onCredit = undefined;
        resolve();
      };
      call.onCredit = done;
      call.abort.signal.addEventListener("abort", done);
    });
  }
  call.abort.signal.throwIfAborted();
  call.credit -= 1;
}
