import type { Plugin } from "../framework.ts";

/** Prefers nodes whose shares of cpu and memory stay alike. */
export const balancedAllocation: Plugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  // A pod that asks for nothing changes no balance.
  preScore: (pod) => (pod.requests["cpu"] ?? 0) + (pod.requests["memory"] ?? 0) > 0,
  score(pod, node) {
    const share = (name: string): number => {
      const capacity = node.allocatable[name] ?? 0;
      return capacity === 0
        ? 1
        : Math.min(1, ((node.requested[name] ?? 0) + (pod.requests[name] ?? 0)) / capacity);
    };
    // With two resources the standard deviation is half of the distance.
    return Math.trunc((1 - Math.abs(share("cpu") - share("memory")) / 2) * 100);
  },
};
