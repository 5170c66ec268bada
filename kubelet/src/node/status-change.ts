/** What a new node status changes: whether it must be written, and the events that tell of it. Pure. */
import type { NodeCondition, NodeStatus } from "@coracle/shared/api/generated/core-v1.ts";

type Named = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Named => typeof value === "object" && value !== null;

/** Lists that others add to, and what names their items. */
const KEYED: Readonly<Record<string, string>> = { conditions: "type", addresses: "type" };

/** Whether the API shows all of the status already. Heartbeats do not count, nor does what others have put beside it. */
export function shows(actual: unknown, wanted: unknown, field = ""): boolean {
  if (wanted === null || wanted === undefined) return actual === undefined || actual === null;
  if (field === "lastHeartbeatTime") return true;
  const key = KEYED[field];
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual)) return wanted.length === 0;
    const there = actual as readonly unknown[];
    const items = wanted as readonly unknown[];
    if (key === undefined)
      return there.length === items.length && items.every((item, i) => shows(there[i], item));
    return items.every((item) =>
      there.some(
        (other) => isRecord(other) && isRecord(item) && other[key] === item[key] && shows(other, item),
      ),
    );
  }
  if (!isRecord(wanted)) return actual === wanted;
  return Object.entries(wanted).every(([name, value]) =>
    shows(isRecord(actual) ? actual[name] : undefined, value, name),
  );
}

const REASONS: Readonly<Record<string, readonly [yes: string, no: string]>> = {
  MemoryPressure: ["NodeHasInsufficientMemory", "NodeHasSufficientMemory"],
  DiskPressure: ["NodeHasDiskPressure", "NodeHasNoDiskPressure"],
  PIDPressure: ["NodeHasInsufficientPID", "NodeHasSufficientPID"],
  Ready: ["NodeReady", "NodeNotReady"],
};

/** Reasons of the events for conditions that changed. A node that is new tells all of them. */
export const changedReasons = (before: readonly NodeCondition[], after: readonly NodeCondition[]): string[] =>
  after.flatMap(({ type, status }) => {
    const reasons = REASONS[type];
    if (!reasons || before.find((c) => c.type === type)?.status === status) return [];
    return [reasons[status === "True" ? 0 : 1]];
  });

/**
 * Resources that somebody else advertises on the node (KEP of extended resources: a patch of `status.capacity`) can be
 * requested like the kubelet's own: they are allocatable as a whole. Null: no longer there.
 */
export function foreignAllocatable(current: NodeStatus, own: NodeStatus): Record<string, string | null> {
  const amounts: Record<string, string | null> = {};
  for (const name of Object.keys(current.allocatable ?? {}))
    if (own.capacity?.[name] === undefined && current.capacity?.[name] === undefined) amounts[name] = null;
  for (const [name, amount] of Object.entries(current.capacity ?? {}))
    if (own.capacity?.[name] === undefined) amounts[name] = amount;
  return amounts;
}
