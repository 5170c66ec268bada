/** What one write does to everybody's ownership. */
import type { FieldSet } from "./field-set.ts";
import { difference, intersection, isEmptySet } from "./field-set.ts";
import type { Comparison } from "./compare.ts";
import type { Manager, Managers } from "./managed-fields.ts";

export interface Conflict {
  readonly manager: Manager;
  readonly paths: FieldSet;
}

/** Fields of others that this change would overwrite. */
export function conflictsWith(managers: Managers, self: string | undefined, changed: FieldSet): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const [id, manager] of managers) {
    if (id === self) continue;
    const paths = intersection(manager.set, changed);
    if (!isEmptySet(paths)) conflicts.push({ manager, paths });
  }
  return conflicts;
}

/** Everybody but `self` loses what was changed or removed. Those who are left with nothing go. */
export function dispossess(
  managers: Managers,
  self: string | undefined,
  { changed, removed }: Comparison,
): Map<string, Manager> {
  const result = new Map<string, Manager>();
  for (const [id, manager] of managers) {
    if (id === self) {
      result.set(id, manager);
      continue;
    }
    const set = difference(difference(manager.set, changed), removed);
    if (!isEmptySet(set)) result.set(id, set === manager.set ? manager : { ...manager, set });
  }
  return result;
}
