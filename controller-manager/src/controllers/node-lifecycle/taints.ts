import type { Node, NodeCondition, Taint } from "@coracle/shared/api/generated/core-v1.ts";

/** The taints a node's conditions call for. Pure. */

const PREFIX = "node.kubernetes.io/";
const NOT_READY = `${PREFIX}not-ready`;
const UNREACHABLE = `${PREFIX}unreachable`;

const PRESSURE: Readonly<Record<string, string>> = {
  MemoryPressure: `${PREFIX}memory-pressure`,
  DiskPressure: `${PREFIX}disk-pressure`,
  PIDPressure: `${PREFIX}pid-pressure`,
  NetworkUnavailable: `${PREFIX}network-unavailable`,
};

const OURS = new Set([
  ...[NOT_READY, UNREACHABLE, `${PREFIX}unschedulable`, ...Object.values(PRESSURE)].map(
    (k) => `${k}:NoSchedule`,
  ),
  `${NOT_READY}:NoExecute`,
  `${UNREACHABLE}:NoExecute`,
]);
const idOf = (taint: Taint): string => `${taint.key}:${taint.effect}`;

export const readiness = (node: Node): string => conditionOf(node, "Ready")?.status ?? "Unknown";
export const conditionOf = (node: Node, type: string): NodeCondition | undefined =>
  node.status?.conditions?.find((c) => c.type === type);

const notReadyKey = (node: Node): string | undefined =>
  ({ False: NOT_READY, Unknown: UNREACHABLE })[readiness(node)];

/** Which NoExecute taint the node's readiness calls for: the key, or none for a ready node. */
export const evictionKey = notReadyKey;

function wanted(node: Node, evict: boolean): Taint[] {
  const taints: Taint[] = [];
  const key = conditionOf(node, "Ready") ? notReadyKey(node) : undefined;
  if (key !== undefined) taints.push({ key, effect: "NoSchedule" });
  for (const [type, taint] of Object.entries(PRESSURE))
    if (conditionOf(node, type)?.status === "True") taints.push({ key: taint, effect: "NoSchedule" });
  if (node.spec?.unschedulable) taints.push({ key: `${PREFIX}unschedulable`, effect: "NoSchedule" });
  if (key !== undefined && evict) taints.push({ key, effect: "NoExecute" });
  return taints;
}

/** The node's taints as they should be; undefined when they are. `evict`: pods may be driven off a node that is not ready. */
export function correctedTaints(node: Node, evict: boolean, at: string): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const next = wanted(node, evict);
  const ids = new Set(next.map(idOf));
  const kept = present.filter((t) => !OURS.has(idOf(t)) || ids.has(idOf(t)));
  const added = next
    .filter((t) => !present.some((p) => idOf(p) === idOf(t)))
    .map((t) => ({ ...t, timeAdded: at }));
  return added.length === 0 && kept.length === present.length ? undefined : [...kept, ...added];
}

export const hasEvictionTaint = (node: Node): boolean =>
  (node.spec?.taints ?? []).some(
    (t) => t.effect === "NoExecute" && (t.key === NOT_READY || t.key === UNREACHABLE),
  );
