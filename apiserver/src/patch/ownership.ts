/** What one write does to everybody's ownership. */
import type { FieldSet } from "./field-set.ts";
import { difference, intersection, isEmptySet } from "./field-set.ts";
import type { Manager, Managers } from "./managed-fields.ts";
import type { CompareIn } from "./versions.ts";

export interface Conflict {
  readonly manager: Manager;
  readonly paths: FieldSet;
}

/** Fields of others that this change would overwrite. */
export function conflictsWith(
  managers: Managers,
  self: string | undefined,
  comparedIn: CompareIn,
): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const [id, manager] of managers) {
    const compared = id === self ? undefined : comparedIn(manager.apiVersion);
    if (!compared) continue;
    const paths = intersection(manager.set, compared.changed);
    if (!isEmptySet(paths)) conflicts.push({ manager, paths });
  }
  return conflicts;
}

/**
 * Everybody but `self` loses what was changed or removed. Those who are left with nothing go, and those whose version is no longer
 * served: nobody can tell what they own.
 */
export function dispossess(
  managers: Managers,
  self: string | undefined,
  comparedIn: CompareIn,
): Map<string, Manager> {
  const result = new Map<string, Manager>();
  for (const [id, manager] of managers) {
    if (id === self) {
      result.set(id, manager);
      continue;
    }
    const compared = comparedIn(manager.apiVersion);
    if (!compared) continue;
    const set = difference(difference(manager.set, compared.changed), compared.removed);
    if (!isEmptySet(set)) result.set(id, set === manager.set ? manager : { ...manager, set });
  }
  return result;
}
