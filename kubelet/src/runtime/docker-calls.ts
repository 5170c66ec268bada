/** Calls to the engine: errors of one kind, filters, image references, and what the client lacks. */
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { RuntimeFailure, type Labels } from "./runtime.ts";

export const asFilters = (labels: Labels): string[] =>
  Object.entries(labels).map(([key, value]) => (value === "" ? key : `${key}=${value}`));

/** Turns the client's errors into one kind, with the engine's own sentence. */
export async function engine<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { statusCode, json, message, name } = error as {
      statusCode?: number;
      json?: { message?: string };
      message?: string;
      name?: string;
    };
    if (name === "AbortError") throw error;
    throw new RuntimeFailure(
      (json?.message ?? message ?? String(error)).replace(/^\(HTTP code \d+\) [^-]* - /, "").trim(),
      statusCode ?? 0,
      error,
    );
  }
}
export const unlessStatus = async <T>(work: Promise<T>, ...statuses: number[]): Promise<T | undefined> => {
  try {
    return await engine(work);
  } catch (error) {
    if (error instanceof RuntimeFailure && statuses.includes(error.status)) return undefined;
    throw error;
  }
};

/** `repo`, `repo:tag` and `repo@digest`; a missing tag is `latest`, since the engine would pull every tag. */
export function splitReference(reference: string): { fromImage: string; tag: string } {
  const at = reference.indexOf("@");
  if (at >= 0)
    return { fromImage: reference.slice(0, at).replace(/:[^:/]*$/, ""), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(":");
  return colon > reference.lastIndexOf("/")
    ? { fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) }
    : { fromImage: reference, tag: "latest" };
}

/** No error when it is gone. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

interface Dialer {
  readonly modem: {
    dial(options: object, done: (error: Error | null, stream: unknown) => void): void;
  };
}
/** A request whose answer is a stream, whatever the client would make of it. */
export const dial = (docker: object, options: object): Promise<Readable> =>
  new Promise((resolve, reject) => {
    (docker as Dialer).modem.dial(options, (error, stream) => {
      if (error) reject(error);
      else resolve(stream as Readable);
    });
  });

const CAP_SYS_RESOURCE = 24n;
/**
 * Processes may be protected from the kernel's out-of-memory killer only by who may lower their score. Some hosts (a virtual
 * machine in a sandbox) keep that from everyone, their first process included, and an engine there cannot start such a container.
 */
export function lowestOomScore(): number {
  try {
    const bound = /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/1/status", "utf8"))?.[1];
    return bound && ((BigInt(`0x${bound}`) >> CAP_SYS_RESOURCE) & 1n) === 0n ? 0 : -1000;
  } catch {
    return -1000;
  }
}
