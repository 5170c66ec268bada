import { unfit, type Plugin } from "../framework.ts";
import { portIsFree } from "../node-info.ts";

/** Host ports are given out once per node. */
export const nodePorts: Plugin = {
  name: "NodePorts",
  filter: (pod, node) =>
    pod.hostPorts.every((port) => portIsFree(node, port))
      ? undefined
      : unfit("node(s) didn't have free ports for the requested pod ports"),
  helps: (event) =>
    event.kind === "node-added" || (event.kind === "pod-deleted" && event.pod.hostPorts.length > 0),
};
