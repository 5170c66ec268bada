import { badRequest, timeout, type ApiError } from "@coracle/shared/errors.ts";
import type { ApiRequest, RequestInfo } from "../request.ts";
import { durationNanos } from "../schema/time.ts";

/** Upstream's `--request-timeout`. */
const maxMs = 60_000;
const streams = new Set(["attach", "exec", "log", "portforward", "proxy"]);

/** Watches and streams last as long as their client wants. */
export const isLongRunning = ({ verb, subresource }: RequestInfo): boolean =>
  verb === "watch" || streams.has(subresource);

/**
 * How long a request may take: what its `timeout` says, at most a minute; undefined for what has no end.
 * @throws ApiError 400
 */
export function allottedMs({ query }: Pick<ApiRequest, "query">, info: RequestInfo): number | undefined {
  // A proxied request's parameters are its target's.
  if (isLongRunning(info)) return undefined;
  const text = query.get("timeout");
  const asked = text ? parse(text) : 0;
  return asked > 0 ? Math.min(asked, maxMs) : maxMs;
}

function parse(text: string): number {
  try {
    return Number(durationNanos(text)) / 1e6;
  } catch (error) {
    throw badRequest(`invalid timeout specified in the request URL - ${(error as Error).message}`);
  }
}

/** @throws ApiError 504 when the work is not done in time; it goes on, but nobody hears of it */
export async function within<T>(ms: number | undefined, work: Promise<T>): Promise<T> {
  if (ms === undefined) return work;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(overdue()), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const overdue = (): ApiError => timeout("Timeout: request did not complete within the allotted timeout", 0);
