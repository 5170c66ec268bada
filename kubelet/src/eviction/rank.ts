/** Whose eviction helps the most, and hurts the least. */
import { podRequests } from "@coracle/shared/meta/pods.ts";
import type { Starved } from "./signals.ts";
import type { PodUse } from "./usage.ts";

const requestOf = (use: PodUse, resource: string): number => podRequests(use.pod)[resource] ?? 0;
const priorityOf = (use: PodUse): number => use.pod.spec?.priority ?? 0;

function measures(starved: Starved): { used: (use: PodUse) => number; requested: (use: PodUse) => number } {
  switch (starved) {
    case "memory":
      return { used: (u) => u.memoryBytes, requested: (u) => requestOf(u, "memory") };
    case "ephemeral-storage":
      return { used: (u) => u.diskBytes, requested: (u) => requestOf(u, "ephemeral-storage") };
    case "inodes":
      return { used: (u) => u.inodes, requested: () => 0 };
    case "pids":
      return { used: (u) => u.processes, requested: () => 0 };
  }
}

/**
 * The first to be evicted first: pods of which nothing is known, those over their request, those of lower priority, those
 * furthest over their request.
 */
export function rankForEviction(uses: readonly PodUse[], starved: Starved): PodUse[] {
  const { used, requested } = measures(starved);
  // Processes cannot be requested.
  const hasRequests = starved !== "pids";
  const rows = uses.map((use) => {
    const excess = used(use) - requested(use);
    const blame = !hasRequests ? 0 : !use.known ? 2 : excess > 0 ? 1 : 0;
    return { use, excess, blame, priority: priorityOf(use) };
  });
  return rows
    .toSorted((a, b) => b.blame - a.blame || a.priority - b.priority || b.excess - a.excess)
    .map((row) => row.use);
}
