import type { StatusCause } from "@coracle/shared/errors.ts";

/** One failed rule of validation, as upstream's field.Error prints it. */
export type FieldError = Required<StatusCause>;

/** A path into an object: `spec.containers[0].image`, `metadata.annotations[a/b]`. */
export class Path {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  child(...names: string[]): Path {
    return new Path([this.text, ...names].filter((n) => n !== "").join("."));
  }
  index(i: number): Path {
    return new Path(`${this.text}[${i}]`);
  }
  key(k: string): Path {
    return new Path(`${this.text}[${k}]`);
  }
  toString(): string {
    return this.text;
  }
}
export const path = (...names: string[]): Path => new Path(names.join("."));

/** A list of strings, as Go prints one. */
export class GoStrings {
  readonly text: string;
  constructor(values: readonly string[]) {
    this.text = `[]string{${values.map((v) => JSON.stringify(v)).join(", ")}}`;
  }
}

/** Values print as Go's `%#v`-like short form: strings quoted, null for absent, objects as JSON. */
const show = (value: unknown): string =>
  value === undefined || value === null
    ? "null"
    : typeof value === "string"
      ? JSON.stringify(value)
      : value instanceof GoStrings
        ? value.text
        : typeof value === "object"
          ? JSON.stringify(value)
          : `${value as number | boolean | bigint}`;

export const required = (p: Path, detail = ""): FieldError => ({
  reason: "FieldValueRequired",
  field: p.text,
  message: `Required value${detail ? `: ${detail}` : ""}`,
});
export const invalidValue = (p: Path, value: unknown, detail: string): FieldError => ({
  reason: "FieldValueInvalid",
  field: p.text,
  message: `Invalid value: ${show(value)}: ${detail}`,
});
/** For a rule about the whole, where printing it would not help. */
export const invalidWithoutValue = (p: Path, detail: string): FieldError => ({
  reason: "FieldValueInvalid",
  field: p.text,
  message: `Invalid value: ${detail}`,
});
export const notSupported = (p: Path, value: unknown, supported: readonly string[]): FieldError => ({
  reason: "FieldValueNotSupported",
  field: p.text,
  message: `Unsupported value: ${show(value)}${supported.length ? `: supported values: ${supported.map((s) => JSON.stringify(s)).join(", ")}` : ""}`,
});
export const duplicate = (p: Path, value: unknown): FieldError => ({
  reason: "FieldValueDuplicate",
  field: p.text,
  message: `Duplicate value: ${show(value)}`,
});
export const forbiddenField = (p: Path, detail: string): FieldError => ({
  reason: "FieldValueForbidden",
  field: p.text,
  message: `Forbidden${detail ? `: ${detail}` : ""}`,
});
export const tooLong = (p: Path, max: number): FieldError => ({
  reason: "FieldValueTooLong",
  field: p.text,
  message: `Too long: may not be more than ${max} bytes`,
});
export const tooMany = (p: Path, actual: number, max: number): FieldError => ({
  reason: "FieldValueTooMany",
  field: p.text,
  message: `Too many: ${actual}: must have at most ${max} items`,
});
export const notFoundField = (p: Path, value: unknown): FieldError => ({
  reason: "FieldValueNotFound",
  field: p.text,
  message: `Not found: ${show(value)}`,
});
export const typeInvalid = (p: Path, value: unknown, detail: string): FieldError => ({
  reason: "FieldValueTypeInvalid",
  field: p.text,
  message: `Invalid value: ${show(value)}: ${detail}`,
});
export const immutable = (p: Path, value: unknown): FieldError =>
  invalidValue(p, value, "field is immutable");
