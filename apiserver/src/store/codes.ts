import { ApiError, expired, internalError, serviceUnavailable, timeout } from "@coracle/shared/errors.ts";
import { StoreError } from "./store.ts";

/** What the scripts return instead of a revision. */
const codes: Readonly<Record<number, "exists" | "missing" | "stale">> = {
  [-1]: "exists",
  [-2]: "missing",
  [-3]: "stale",
};

/** Turns a script's reply into the new revision, or throws what its code stands for. */
export function revisionOf(reply: unknown): number {
  if (typeof reply === "number" && reply > 0) return reply;
  const code = typeof reply === "number" ? codes[reply] : undefined;
  if (code) throw new StoreError(code);
  throw internalError("the store answered with an unknown code");
}

/** The change log no longer reaches back to `after`. */
export const tooOld = (after: number, oldest: number): ApiError =>
  expired(`too old resource version: ${after} (${oldest})`);

/** The store cannot be reached; nothing was written. */
export const storeUnavailable = (): ApiError =>
  serviceUnavailable("the store cannot be reached; try again", 1);

/** The connection was lost while a write was under way and the outcome could not be learned in time. */
export const outcomeUnknown = (): ApiError =>
  timeout("the store did not answer in time; the write may or may not have been made");

/**
 * What a reply error of Redis means for the request. The error object itself must not travel on: it carries the command's
 * arguments, and with them the content of objects.
 */
export function fromReplyError(message: string): ApiError {
  const word = message.split(" ", 1)[0] ?? "";
  return refusing.has(word)
    ? serviceUnavailable(`the store refuses writes (${word})`, 1)
    : internalError(`the store failed (${word})`);
}

const refusing = new Set(["OOM", "MISCONF", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY"]);

/** Errors of the connection, as against answers of Redis and errors of ours. LOADING is a server that is not up yet. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "ReplyError") return error.message.startsWith("LOADING");
  return !(error instanceof ApiError || error instanceof StoreError || error instanceof TypeError);
}
