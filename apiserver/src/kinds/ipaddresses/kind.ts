import type { IPAddress } from "@coracle/shared/api/generated/networking-v1.ts";
import { immutable, invalidValue, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { canonicalAddress, familyOf } from "../shared/net.ts";

export const ipAddresses = defineKind<IPAddress>({
  group: "networking.k8s.io",
  kind: "IPAddress",
  plural: "ipaddresses",
  shortNames: ["ip"],
  namespaced: false,
  nameRule: "pathSegment",
  validate,
  validateUpdate: (next, old) => [
    ...validate(next),
    ...(semanticEqual(next.spec?.parentRef, old.spec?.parentRef)
      ? []
      : [immutable(path("spec", "parentRef"), next.spec?.parentRef ?? null)]),
  ],
  selectableFields: {
    "spec.parentRef.name": (ip) => ip.spec?.parentRef?.name ?? "",
    "spec.parentRef.namespace": (ip) => ip.spec?.parentRef?.namespace ?? "",
    "spec.parentRef.resource": (ip) => ip.spec?.parentRef?.resource ?? "",
  },
  columns: [nameColumn, column("ParentRef", parentCell), ageColumn],
});

function validate({ metadata, spec }: IPAddress): FieldError[] {
  const errors: FieldError[] = [];
  const name = metadata.name ?? "";
  if (!familyOf(name) || canonicalAddress(name) !== name)
    errors.push(invalidValue(path("metadata", "name"), name, "must be a valid IP address in canonical form"));
  const at = path("spec", "parentRef");
  const parent = spec?.parentRef;
  if (!parent) return [...errors, required(at)];
  if (!parent.resource) errors.push(required(at.child("resource")));
  if (!parent.name) errors.push(required(at.child("name")));
  return errors;
}

function parentCell({ spec }: IPAddress): string {
  const parent = spec?.parentRef;
  if (!parent) return "";
  const resource = parent.group ? `${parent.resource}.${parent.group}` : (parent.resource ?? "");
  return [resource, parent.namespace, parent.name].filter(Boolean).join("/");
}
