import type { Condition } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { check, formError, mustNotBeNegative, qualifiedName } from "../names.ts";

const reasonForm = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const reasonWhole = new RegExp(`^${reasonForm}$`);
const statuses = ["False", "True", "Unknown"];

/** A list of conditions in the form that is the same everywhere (metav1.Condition). */
export function validateConditions(
  conditions: readonly Condition[] | undefined,
  path: Path,
  max: number,
): FieldError[] {
  const all = conditions ?? [];
  return [
    ...(all.length > max ? [tooMany(path, all.length, max)] : []),
    ...all.flatMap((condition, i) => {
      const at = path.index(i);
      const again = all.findIndex((c) => c.type === condition.type) < i;
      return [
        ...(again ? [duplicate(at.child("type"), condition.type)] : []),
        ...validateCondition(condition, at),
      ];
    }),
  ];
}

function validateCondition(condition: Partial<Condition>, at: Path): FieldError[] {
  const { type, status, reason, message = "", lastTransitionTime, observedGeneration = 0 } = condition;
  const errors = type
    ? check(qualifiedName, type, at.child("type"))
    : [required(at.child("type"), "must be set")];
  if (!status || !statuses.includes(status))
    errors.push(notSupported(at.child("status"), status ?? "", statuses));
  if (observedGeneration < 0)
    errors.push(invalidValue(at.child("observedGeneration"), observedGeneration, mustNotBeNegative));
  if (!lastTransitionTime) errors.push(required(at.child("lastTransitionTime"), "must be set"));
  if (!reason) errors.push(required(at.child("reason"), "must be set"));
  else {
    if (reason.length > 1024) errors.push(tooLong(at.child("reason"), 1024));
    if (!reasonWhole.test(reason))
      errors.push(
        invalidValue(
          at.child("reason"),
          reason,
          formError(
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
            reasonForm,
            "my_name",
            "MY_NAME",
            "MyName",
            "ReasonA,ReasonB",
            "ReasonA:ReasonB",
          ),
        ),
      );
  }
  if (Buffer.byteLength(message) > 32 * 1024) errors.push(tooLong(at.child("message"), 32 * 1024));
  return errors;
}
