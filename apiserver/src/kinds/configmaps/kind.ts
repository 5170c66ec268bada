import type { ConfigMap } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, invalidValue, path, tooLong, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, integerColumn, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, dataKey } from "../shared/names.ts";

/** A ConfigMap's or Secret's values together are at most 1 MiB. */
export const maxDataBytes = 1_048_576;

export const configMaps = defineKind<ConfigMap>({
  kind: "ConfigMap",
  shortNames: ["cm"],
  namespaced: true,
  validate,
  validateUpdate: (next, old) => [...validateFrozen(next, old), ...validate(next)],
  columns: [
    nameColumn,
    integerColumn(
      "Data",
      (cm) => Object.keys(cm.data ?? {}).length + Object.keys(cm.binaryData ?? {}).length,
    ),
    ageColumn,
  ],
});

function validate({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...check(dataKey, key, path("data").key(key)));
    if (key in binaryData)
      errors.push(invalidValue(path("data").key(key), key, "duplicate of key present in binaryData"));
    size += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...check(dataKey, key, path("binaryData").key(key)));
    size += base64Bytes(value);
  }
  if (size > maxDataBytes) errors.push(tooLong(path("[]"), maxDataBytes));
  return errors;
}

/** How many bytes a base64 text stands for. */
export const base64Bytes = (text: string): number =>
  Math.floor((text.replace(/=+$/, "").replace(/\s/g, "").length * 3) / 4);

interface Freezable {
  immutable?: boolean | undefined;
  data?: Record<string, string> | undefined;
  binaryData?: Record<string, string> | undefined;
}

/** Once immutable, always immutable, with the same data. */
export function validateFrozen(next: Freezable, old: Freezable): FieldError[] {
  if (!old.immutable) return [];
  const frozen = "field is immutable when `immutable` is set";
  const errors: FieldError[] = [];
  if (!next.immutable) errors.push(forbiddenField(path("immutable"), frozen));
  if (!semanticEqual(next.data, old.data)) errors.push(forbiddenField(path("data"), frozen));
  if (!semanticEqual(next.binaryData, old.binaryData))
    errors.push(forbiddenField(path("binaryData"), frozen));
  return errors;
}
