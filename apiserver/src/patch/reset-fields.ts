import { emptySet, setOf } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";

const status = setOf([["status"]]);
const allButStatus = setOf([
  ["spec"],
  ["metadata", "labels"],
  ["metadata", "annotations"],
  ["metadata", "ownerReferences"],
  ["metadata", "finalizers"],
]);

/** Fields an endpoint ignores, and so nobody comes to own through it. */
export function resetFieldsOf(subresource: string, hasStatus: boolean): FieldSet {
  if (subresource === "status") return allButStatus;
  return hasStatus ? status : emptySet;
}
