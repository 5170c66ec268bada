import { unresolvable, type Plugin } from "../framework.ts";

/** A pod that names its node goes there or nowhere. */
export const nodeName: Plugin = {
  name: "NodeName",
  filter: (pod, node) =>
    pod.pod.spec?.nodeName && pod.pod.spec.nodeName !== node.name
      ? unresolvable("node(s) didn't match the requested node name")
      : undefined,
  helps: (event) => event.kind === "node-added",
};
