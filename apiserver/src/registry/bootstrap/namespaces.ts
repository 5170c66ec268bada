import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Registry } from "../registry.ts";
import { ensure } from "./ensure.ts";

/** Namespaces that every cluster has. */
const systemNamespaces: readonly KubeObject[] = [
  "default",
  "kube-node-lease",
  "kube-public",
  "kube-system",
].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));

/** Makes those that are missing: `kube-node-lease` may be deleted, and no node could tell that it lives. */
export async function ensureSystemNamespaces(registry: Registry): Promise<void> {
  await Promise.all(systemNamespaces.map((namespace) => ensure(registry, namespace)));
}
