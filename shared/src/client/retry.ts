import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, serviceUnavailable } from "../errors.ts";
import { TransportError, type Transport, type WireRequest, type WireResponse } from "./transport.ts";

export interface RetryOptions {
  /** How long a read is tried again while no API server can be reached. */
  readonly patienceMs?: number;
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
}

/** Upstream's limit for "429, come back later". */
const MAX_BUSY_RETRIES = 10;
/** While no API server is there, as at a cluster's start, asking is cheap and waiting is not; for as long as a start takes. */
const ABSENT = { maxDelayMs: 200, forMs: 10_000 };
const READS = new Set(["GET", "HEAD"]);

/**
 * Reads are tried again when they got lost or the server was not ready; any request when it certainly was not delivered or the
 * server said 429. A write whose outcome is unknown surfaces as ApiError 503: the caller must look before it acts again.
 */
export function withRetries(transport: Transport, options: RetryOptions = {}): Transport {
  const patience = options.patienceMs ?? 30_000;
  const base = options.baseDelayMs ?? 20;
  const max = options.maxDelayMs ?? 1_000;
  return async (request) => {
    const began = performance.now();
    const deadline = began + patience;
    let busy = 0;
    for (let delay = base; ; delay = Math.min(delay * 2, max)) {
      const outcome = await attempt(transport, request);
      const late = performance.now() > deadline;
      if (outcome instanceof TransportError) {
        if (late || !mayRepeat(request, outcome)) throw lost(outcome);
        const soon = !outcome.maybeDelivered && performance.now() - began < ABSENT.forMs;
        if (soon) delay = Math.min(delay, ABSENT.maxDelayMs);
        await pause(delay / 2 + Math.random() * (delay / 2), request.signal);
        continue;
      }
      if (outcome.status === 429 && busy++ < MAX_BUSY_RETRIES)
        await pause(1_000 * (outcome.retryAfterSeconds ?? 1), request.signal);
      else if (!late && READS.has(request.method) && (outcome.status === 503 || outcome.status === 504))
        await pause(outcome.retryAfterSeconds === undefined ? delay : 200, request.signal);
      else return outcome;
    }
  };
}

async function attempt(transport: Transport, request: WireRequest): Promise<WireResponse | TransportError> {
  try {
    return await transport(request);
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
}

const mayRepeat = (request: WireRequest, error: TransportError): boolean =>
  !error.maybeDelivered || READS.has(request.method);

function lost(error: TransportError): ApiError {
  const status = serviceUnavailable(
    error.maybeDelivered
      ? `${error.message}; the outcome of the request is unknown`
      : `cannot reach an API server: ${error.message}`,
  );
  status.cause = error;
  return status;
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  sleep(ms, undefined, signal ? { signal } : {});
