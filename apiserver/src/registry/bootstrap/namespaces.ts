import type { KubeObject } from "@coracle/shared/meta/object.ts";

/** Namespaces that every cluster has. */
export const systemNamespaces: readonly KubeObject[] = [
  "default",
  "kube-node-lease",
  "kube-public",
  "kube-system",
].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
