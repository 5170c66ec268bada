import { readFileSync } from "node:fs";
import type { ContainerStatus } from "@coracle/shared/api/generated/core-v1.ts";

const numbers = (status: string, name: string): number[] =>
  (new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1] ?? "").trim().split(/\s+/).filter(Boolean).map(Number);

/** Whom a process runs as, from its /proc/<pid>/status. Pure. */
export function parseUser(status: string): ContainerStatus["user"] {
  const [[uid], [gid]] = [numbers(status, "Uid"), numbers(status, "Gid")];
  if (uid === undefined || gid === undefined) return undefined;
  return { linux: { uid, gid, supplementalGroups: numbers(status, "Groups").toSorted((a, b) => a - b) } };
}

/** Undefined for a process that is no more. */
export function userOf(pid: number): ContainerStatus["user"] {
  try {
    return parseUser(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return undefined;
  }
}
