/** What a server-side apply takes out: what the manager named last time and does not now. */
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ObjectNode } from "../schema/node.ts";
import { difference, emptySet, intersection, isEmptySet, union, type FieldSet } from "./field-set.ts";
import { clone } from "./json.ts";
import type { Manager, Managers } from "./managed-fields.ts";
import { removePaths, settle } from "./merge-typed.ts";
import { pathsIn, withNamedFields } from "./owned.ts";
import type { Versions } from "./versions.ts";

interface Pruning {
  readonly versions: Versions;
  /** Of the merged object and of the result. */
  readonly apiVersion: string;
  /** Everybody, with the applier's new set. */
  readonly managers: Managers;
}

/** Takes out what the manager applied last time and does not now, unless somebody else owns it or something below it. */
export function prune(
  { versions, apiVersion, managers }: Pruning,
  merged: KubeObject,
  last: Manager | undefined,
): KubeObject {
  // What was applied in a version that is gone names nothing that is known.
  const before = last && !isEmptySet(last.set) ? versions.node(last.apiVersion) : undefined;
  if (!last || !before) return clone(merged);
  const owned = ownedByVersion(managers);
  let pruned = versions.convert(
    pruneIn(before, versions.convert(merged, last.apiVersion), {
      last: last.set,
      owned: owned.get(last.apiVersion) ?? emptySet,
    }),
    apiVersion,
  );
  for (const [other, set] of owned) {
    const node = other === last.apiVersion ? undefined : versions.node(other);
    if (!node) continue;
    const whole = versions.convert(merged, other);
    const left = versions.convert(pruned, other);
    const lost = difference(pathsIn(node, whole), pathsIn(node, left));
    if (isEmptySet(intersection(withNamedFields(node, lost), withNamedFields(node, set)))) continue;
    pruned = versions.convert(keepOwned(node, { whole, left, owned: set }), apiVersion);
  }
  return pruned;
}

/** What all managers of one version own together. */
function ownedByVersion(managers: Managers): Map<string, FieldSet> {
  const result = new Map<string, FieldSet>();
  for (const { apiVersion, set } of managers.values()) {
    result.set(apiVersion, union(result.get(apiVersion) ?? emptySet, set));
  }
  return result;
}

interface Sets {
  readonly last: FieldSet;
  readonly owned: FieldSet;
}

function pruneIn(node: ObjectNode, merged: KubeObject, { last, owned }: Sets): KubeObject {
  const lastNamed = withNamedFields(node, last);
  const all = withNamedFields(node, pathsIn(node, merged));
  const first = removePaths(node, merged, lastNamed);
  const pruned = removePaths(node, merged, difference(all, keptPaths(node, first, owned)));
  // What the last configuration did not name at all was never the manager's to remove.
  const dropped = difference(all, withNamedFields(node, pathsIn(node, pruned)));
  return settle(node, removePaths(node, merged, intersection(dropped, lastNamed)), owned) as KubeObject;
}

interface Remains {
  readonly whole: KubeObject;
  readonly left: KubeObject;
  readonly owned: FieldSet;
}

/** What is left, and of the whole what is owned. */
function keepOwned(node: ObjectNode, { whole, left, owned }: Remains): KubeObject {
  const all = withNamedFields(node, pathsIn(node, whole));
  return settle(
    node,
    removePaths(node, whole, difference(all, keptPaths(node, left, owned))),
    owned,
  ) as KubeObject;
}

const keptPaths = (node: ObjectNode, left: unknown, owned: FieldSet): FieldSet =>
  union(withNamedFields(node, pathsIn(node, left)), withNamedFields(node, owned));
