import { unresolvable, type Plugin } from "../framework.ts";

/** A pod with scheduling gates waits until they are removed (KEP-3521). */
export const schedulingGates: Plugin = {
  name: "SchedulingGates",
  preFilter(pod) {
    const gates = pod.pod.spec?.schedulingGates ?? [];
    return gates.length > 0
      ? unresolvable(`waiting for scheduling gates: [${gates.map((g) => g.name).join(" ")}]`)
      : undefined;
  },
  helps: (event) => event.kind === "gates-removed",
};
