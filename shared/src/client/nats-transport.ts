import { headers as natsHeaders, nuid, type Msg } from "nats";
import type { Bus } from "../bus/connect.ts";
import { apiControlSubject, apiSubject, inboxPrefix } from "../bus/subjects.ts";
import { ApiError, timeout } from "../errors.ts";
import { TransportError, type Transport, type WireRequest, type WireResponse } from "./transport.ts";

interface Pending {
  readonly startedAt: number;
  readonly chunks: Uint8Array[];
  /** When a replica last gave a sign that it has this request. */
  seenAt: number;
  probed: boolean;
  readonly resolve: (response: WireResponse) => void;
  readonly reject: (error: Error) => void;
}

/** A request unanswered for this long is asked after: its replica may have died. */
const PROBE_AFTER_MS = 2_000;
const PROBE_ANSWER_MS = 1_000;
const TIMEOUT_MS = 60_000;
const CHECK_MS = 500;

/**
 * Requests over `api.<identity>`. Answers come to one inbox; long ones in chunks, for each of which the client grants the next.
 * A lost replica is found by asking whether anyone still works on the request.
 */
export function createNatsTransport(bus: Bus): Transport {
  const { nc, identity } = bus;
  const subject = apiSubject(identity);
  const inbox = `${inboxPrefix(identity)}.${nuid.next()}`;
  const toAll = apiControlSubject(identity, "all");
  const pending = new Map<string, Pending>();
  let counter = 0;
  let checker: NodeJS.Timeout | undefined;

  const settle = (token: string): Pending | undefined => {
    const entry = pending.get(token);
    pending.delete(token);
    if (pending.size === 0) {
      clearInterval(checker);
      checker = undefined;
    }
    return entry;
  };
  const fail = (token: string, error: Error): void => settle(token)?.reject(error);
  const control = (to: string, type: string, token: string): void =>
    nc.publish(to, JSON.stringify({ type, id: `${inbox}.${token}` }));

  const onReply = (message: Msg): void => {
    const token = message.subject.slice(inbox.length + 1);
    const entry = pending.get(token);
    const headers = message.headers;
    if (!entry || !headers) return;
    if (headers.code === 503) {
      fail(token, new TransportError("no API server is connected to the bus", false));
      return;
    }
    entry.seenAt = performance.now();
    entry.probed = false;
    if (headers.get("alive")) return;
    if (headers.get("aborted")) {
      fail(token, new TransportError("the API server broke off its answer", true));
      return;
    }
    if (Number(headers.get("chunk") || 0) !== entry.chunks.length) {
      control(toAll, "cancel", token);
      fail(token, new TransportError("a part of the answer was lost", true));
      return;
    }
    entry.chunks.push(message.data);
    if (headers.get("more")) {
      control(apiControlSubject(identity, headers.get("replica")), "credit", token);
      return;
    }
    const retryAfter = headers.get("retry-after");
    settle(token)?.resolve({
      status: Number(headers.get("status")),
      retryAfterSeconds: retryAfter ? Number(retryAfter) : undefined,
      body: entry.chunks.length === 1 ? message.data : Buffer.concat(entry.chunks),
    });
  };
  nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (!error) onReply(message);
    },
  });
  bus.onDisconnect(() => {
    for (const token of pending.keys())
      fail(token, new TransportError("the connection to the bus was lost", true));
  });

  const check = (): void => {
    const now = performance.now();
    for (const [token, entry] of pending) {
      const silent = now - entry.seenAt;
      if (now - entry.startedAt > TIMEOUT_MS) {
        control(toAll, "cancel", token);
        fail(token, timeout("the API server did not answer in time"));
      } else if (entry.probed && silent > PROBE_AFTER_MS + PROBE_ANSWER_MS)
        fail(token, new TransportError("the API server working on the request has gone", true));
      else if (!entry.probed && silent > PROBE_AFTER_MS) {
        entry.probed = true;
        control(toAll, "probe", token);
      }
    }
  };

  return (request) => {
    if (request.signal?.aborted) return Promise.reject(abortReason(request.signal));
    if (!bus.connected) return Promise.reject(new TransportError("the bus is not connected", false));
    counter += 1;
    const token = counter.toString(36);
    const { signal } = request;
    return new Promise<WireResponse>((resolve, reject) => {
      const now = performance.now();
      const onAbort = (): void => {
        if (!pending.has(token)) return;
        control(toAll, "cancel", token);
        fail(token, abortReason(signal));
      };
      const release = <A>(done: (value: A) => void): ((value: A) => void) =>
        signal
          ? (value) => {
              signal.removeEventListener("abort", onAbort);
              done(value);
            }
          : done;
      try {
        publish(bus, subject, `${inbox}.${token}`, request);
      } catch (error) {
        reject(
          new ApiError(413, "RequestEntityTooLarge", `cannot send the request: ${(error as Error).message}`),
        );
        return;
      }
      pending.set(token, {
        startedAt: now,
        seenAt: now,
        probed: false,
        chunks: [],
        resolve: release(resolve),
        reject: release(reject),
      });
      checker ??= setInterval(check, CHECK_MS);
      signal?.addEventListener("abort", onAbort);
    });
  };
}

const abortReason = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error("the request was aborted");

function publish(bus: Bus, subject: string, reply: string, request: WireRequest): void {
  const headers = natsHeaders();
  headers.set("method", request.method);
  headers.set("path", request.path);
  for (const name in request.headers) headers.set(name, request.headers[name] ?? "");
  bus.nc.publish(subject, request.body ?? "", { headers, reply });
}
