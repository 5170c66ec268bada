import type { PriorityClass } from "@coracle/shared/api/generated/scheduling-v1.ts";
import { forbiddenField, notSupported, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, booleanColumn, column, integerColumn, nameColumn } from "../shared/columns.ts";
import { validateImmutable } from "../shared/workload.ts";

/** Above this, priorities are the system's. */
const highestUserPriority = 1_000_000_000;
const systemClasses: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};

export const priorityClasses = defineKind<PriorityClass>({
  group: "scheduling.k8s.io",
  kind: "PriorityClass",
  plural: "priorityclasses",
  shortNames: ["pc"],
  namespaced: false,
  generation: true,
  setDefaults: (cls) => {
    cls.preemptionPolicy ??= "PreemptLowerPriority";
    // A number is always shown.
    cls.value ??= 0;
  },
  validate,
  validateUpdate: (cls, old) => [
    ...((cls.value ?? 0) === (old.value ?? 0)
      ? []
      : [forbiddenField(path("value"), "may not be changed in an update.")]),
    ...validateImmutable(cls.preemptionPolicy, old.preemptionPolicy, path("preemptionPolicy")),
  ],
  columns: [
    nameColumn,
    integerColumn("Value", (cls) => cls.value ?? 0),
    booleanColumn("Global-Default", (cls) => cls.globalDefault ?? false),
    ageColumn,
    column("PreemptionPolicy", (cls) => cls.preemptionPolicy ?? ""),
  ],
});

function validate(cls: PriorityClass): FieldError[] {
  const name = cls.metadata.name ?? "";
  const errors: FieldError[] = [];
  if (name.startsWith("system-")) {
    const known = systemClasses[name];
    const problem =
      known === undefined
        ? `${name} is not a known system priority class`
        : cls.value === known
          ? undefined
          : `value of ${name} PriorityClass must be ${known}`;
    if (problem)
      errors.push(
        forbiddenField(
          path("metadata", "name"),
          `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`,
        ),
      );
  } else if ((cls.value ?? 0) > highestUserPriority)
    errors.push(
      forbiddenField(
        path("value"),
        `maximum allowed value of a user defined priority is ${highestUserPriority}`,
      ),
    );
  const policies = ["PreemptLowerPriority", "Never"];
  if (cls.preemptionPolicy && !policies.includes(cls.preemptionPolicy))
    errors.push(notSupported(path("preemptionPolicy"), cls.preemptionPolicy, policies));
  return errors;
}
