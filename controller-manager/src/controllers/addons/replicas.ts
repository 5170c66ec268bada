import type { KubeObject } from "@coracle/shared/meta/object.ts";

const ONE_PER_NODE = "addons.coracle.io/one-per-node";

/** Whether an add-on's replicas are a limit only, and follow the number of nodes below it. */
export const isOnePerNode = (manifest: KubeObject): boolean =>
  manifest.metadata.annotations?.[ONE_PER_NODE] === "true";

/**
 * The manifest with no more replicas than there are nodes, and one at least. Replicas that are made before their node is known
 * would settle on one that is, together, and stay there. Pure.
 */
export function fitToNodes(manifest: KubeObject, nodes: number): KubeObject {
  const { spec } = manifest as { spec?: { replicas?: number } };
  if (!isOnePerNode(manifest) || spec?.replicas === undefined) return manifest;
  const replicas = Math.min(spec.replicas, Math.max(nodes, 1));
  const fitted: KubeObject & { spec: unknown } = { ...manifest, spec: { ...spec, replicas } };
  return fitted;
}
