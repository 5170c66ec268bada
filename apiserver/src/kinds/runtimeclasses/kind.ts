import type { RuntimeClass } from "@coracle/shared/api/generated/node-v1.ts";
import { path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { check, dnsLabel } from "../shared/names.ts";
import { nodeLabelDeprecation } from "../shared/node-labels.ts";
import { roundUp } from "../shared/pod/defaults.ts";
import { validateResourceName, validateResourceValue } from "../shared/pod/resources.ts";
import { validateTolerations } from "../shared/pod/validate-scheduling.ts";
import { validateLabels } from "../shared/selector.ts";
import { validateImmutable } from "../shared/workload.ts";

export const runtimeClasses = defineKind<RuntimeClass>({
  group: "node.k8s.io",
  kind: "RuntimeClass",
  plural: "runtimeclasses",
  namespaced: false,
  unconditionalUpdate: false,
  setDefaults: (cls) => roundUp(cls.overhead?.podFixed),
  validate,
  validateUpdate: (cls, old) => [
    ...validate(cls),
    ...validateImmutable(cls.handler, old.handler, path("handler")),
  ],
  warnings: ({ scheduling }) =>
    Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
      const text = nodeLabelDeprecation(key);
      return text ? [`${path("scheduling", "nodeSelector").text}: ${text}`] : [];
    }),
  columns: [nameColumn, column("Handler", (cls) => cls.handler ?? ""), ageColumn],
});

function validate(cls: RuntimeClass): FieldError[] {
  const errors = check(dnsLabel, cls.handler ?? "", path("handler"));
  for (const [name, value] of Object.entries(cls.overhead?.podFixed ?? {})) {
    const at = path("overhead", "podFixed").key(name);
    errors.push(...validateResourceName(name, at), ...validateResourceValue(name, value, at));
  }
  const at = path("scheduling");
  return [
    ...errors,
    ...validateLabels(cls.scheduling?.nodeSelector, at.child("nodeSelector")),
    ...validateTolerations(cls.scheduling?.tolerations, at.child("tolerations")),
  ];
}
