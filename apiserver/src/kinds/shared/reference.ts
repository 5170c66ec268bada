import type { TypedLocalObjectReference } from "@coracle/shared/api/generated/core-v1.ts";
import { required, type FieldError, type Path } from "../../registry/field.ts";
import { check, dnsSubdomain, pathSegment } from "./names.ts";

/** A reference to an object of some kind, of an Ingress or of its class. */
export function validateTypedReference(
  reference: Partial<TypedLocalObjectReference>,
  at: Path,
): FieldError[] {
  const errors =
    reference.apiGroup === undefined ? [] : check(dnsSubdomain, reference.apiGroup, at.child("apiGroup"));
  for (const field of ["kind", "name"] as const) {
    const value = reference[field];
    if (value) errors.push(...check(pathSegment, value, at.child(field)));
    else errors.push(required(at.child(field), `${field} is required`));
  }
  return errors;
}
