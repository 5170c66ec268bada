/**
 * Which containers lost a process to the kernel's out-of-memory killer. An engine learns it from the control group, and a container's
 * group is often gone before the engine has looked; the kernel writes it into its log before it kills.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";

export interface KernelLog {
  /** Reads what is new, then says whether one of the container's processes was killed for want of memory. */
  hasKilled(containerId: string): boolean;
  close(): void;
}

/** The kernel gives one record at a time, and refuses a smaller buffer than it needs. */
const RECORD_BYTES = 8192;
/** More containers than a node has, ended ones included. */
const REMEMBERED = 2000;

/**
 * The containers of a record about a kill, by the group that the process was in, whichever way the engine makes groups. There are
 * several when one is within another: an engine that runs in a container itself, or groups that a container makes.
 */
export const victimsOf = (record: string): readonly string[] =>
  /^[^;]*;oom-kill:.*\btask_memcg=([^,]*)/
    .exec(record)?.[1]
    ?.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g) ?? [];

/** Undefined where the log may not be read: then the engine's word is all there is. */
export function openKernelLog(path: string | undefined): KernelLog | undefined {
  if (path === undefined) return undefined;
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const buffer = Buffer.alloc(RECORD_BYTES);
  const killed = new Set<string>();
  const next = (): string | undefined => {
    for (;;)
      try {
        const length = readSync(file, buffer);
        return length === 0 ? undefined : buffer.toString("utf8", 0, length);
      } catch (error) {
        // Records that were overwritten before they were read: the next read goes on with the oldest there is.
        if ((error as NodeJS.ErrnoException).code !== "EPIPE") return undefined;
      }
  };
  return {
    hasKilled: (containerId) => {
      for (let record = next(); record !== undefined; record = next()) {
        for (const victim of victimsOf(record)) killed.add(victim);
      }
      for (const id of killed) {
        if (killed.size <= REMEMBERED) break;
        killed.delete(id);
      }
      return killed.has(containerId);
    },
    close: () => closeSync(file),
  };
}
