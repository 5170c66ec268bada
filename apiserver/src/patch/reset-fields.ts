import { emptySet, setOf } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";

const status = setOf([["status"]]);

/** Fields an endpoint ignores, and so nobody comes to own through it. `metadata` names those that status writes leave alone. */
export function resetFieldsOf(
  subresource: string,
  hasStatus: boolean,
  metadata: readonly string[] = [],
): FieldSet {
  if (subresource === "status") return setOf([["spec"], ...metadata.map((field) => ["metadata", field])]);
  return hasStatus ? status : emptySet;
}
