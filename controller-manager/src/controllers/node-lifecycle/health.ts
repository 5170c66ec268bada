import type { Node, NodeCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { timestamp } from "../../conditions.ts";

/** Whether a node still gives signs of life, by our own clock: clocks of nodes are not trusted. Pure state. */
export interface Heartbeats {
  /** Milliseconds of grace left; 0 or less means it is silent. */
  graceLeft(node: string, signs: string, now: number): number;
  forget(node: string): void;
}

export function createHeartbeats(graceMs: number): Heartbeats {
  const seen = new Map<string, { signs: string; at: number }>();
  return {
    graceLeft(node, signs, now) {
      const last = seen.get(node);
      if (last?.signs === signs) return last.at + graceMs - now;
      seen.set(node, { signs, at: now });
      return graceMs;
    },
    forget: (node) => void seen.delete(node),
  };
}

const REPORTED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] as const;

/** The conditions of a silent node: nobody knows. Undefined when they say so already. */
export function silentConditions(node: Node, now: number): NodeCondition[] | undefined {
  const conditions = node.status?.conditions ?? [];
  const at = timestamp(now);
  let changed = false;
  const next = [...conditions];
  for (const type of REPORTED) {
    const index = next.findIndex((c) => c.type === type);
    const old = next[index];
    if (!old) {
      changed = true;
      next.push({
        type,
        status: "Unknown",
        reason: "NodeStatusNeverUpdated",
        message: "Kubelet never posted node status.",
        lastHeartbeatTime: node.metadata.creationTimestamp,
        lastTransitionTime: at,
      });
    } else if (old.status !== "Unknown") {
      changed = true;
      next[index] = {
        ...old,
        status: "Unknown",
        reason: "NodeStatusUnknown",
        message: "Kubelet stopped posting node status.",
        lastTransitionTime: at,
      };
    }
  }
  return changed ? next : undefined;
}
