/** Rules that the kinds of resource.k8s.io have in common. */
import type {
  DeviceConfiguration,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
} from "@coracle/shared/api/generated/resource-v1.ts";
import type { RawExtension } from "@coracle/shared/api/generated/meta-v1.ts";
import { CelCompileError } from "@coracle/shared/cel/compile-error.ts";
import { compileSelector } from "@coracle/shared/dra/selector.ts";
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
import { driverName } from "../../csidrivers/kind.ts";
import { check, cIdentifier, dnsLabel, dnsSubdomain, labelValue, qualifiedName } from "../names.ts";

type ItemRule<T> = (item: T, path: Path) => FieldError[];

/** One that is too long is not looked at further. */
export function validateSlice<T>(
  items: readonly T[] | undefined,
  max: number,
  rule: ItemRule<T>,
  path: Path,
): FieldError[] {
  const all = items ?? [];
  if (all.length > max) return [tooMany(path, all.length, max)];
  return all.flatMap((item, i) => rule(item, path.index(i)));
}

/** A list whose items must differ by their keys. */
export function validateSet<T>(
  items: readonly T[] | undefined,
  { max, key }: { max: number; key: (item: T) => string },
  rule: ItemRule<T>,
  path: Path,
): FieldError[] {
  const all = items ?? [];
  const errors = validateSlice(all, max, rule, path);
  if (all.length > max) return errors;
  const seen = new Set<string>();
  all.forEach((item, i) => {
    const is = key(item);
    if (seen.has(is)) errors.push(duplicate(path.index(i), is));
    seen.add(is);
  });
  return errors;
}

export function validateMap<T>(
  items: Readonly<Record<string, T>> | undefined,
  { max = Infinity, key }: { max?: number; key: ItemRule<string> },
  rule: ItemRule<T>,
  path: Path,
): FieldError[] {
  const entries = Object.entries(items ?? {});
  if (entries.length > max) return [tooMany(path, entries.length, max)];
  return entries.flatMap(([name, item]) => [...key(name, path.key(name)), ...rule(item, path.key(name))]);
}

export const validateLabelName: ItemRule<string | undefined> = (name, path) =>
  check(dnsLabel, name ?? "", path);

export const validateDriver: ItemRule<string | undefined> = (name, path) =>
  name ? check(driverName, name, path) : [required(path)];

export function validatePoolName(name: string | undefined, path: Path): FieldError[] {
  if (!name) return [required(path)];
  return [
    ...(Buffer.byteLength(name) > 253 ? [tooLong(path, 253)] : []),
    ...name.split("/").flatMap((part) => check(dnsSubdomain, part, path)),
  ];
}

export const validateClassName: ItemRule<string | undefined> = (name, path) =>
  name ? check(dnsSubdomain, name, path) : [required(path)];

const maxExpression = 10 * 1024;

/** Selectors as they were need not be compiled anew: `stored`. */
export const validateSelectors = (
  selectors: readonly DeviceSelector[] | undefined,
  path: Path,
  stored = false,
): FieldError[] =>
  validateSlice(selectors, 32, (s, at) => validateSelector(s, at.child("cel"), stored), path);

function validateSelector({ cel }: DeviceSelector, path: Path, stored: boolean): FieldError[] {
  if (!cel) return [required(path)];
  const at = path.child("expression");
  const expression = cel.expression ?? "";
  if (Buffer.byteLength(expression) > maxExpression) return [tooLong(at, maxExpression)];
  if (stored) return [];
  try {
    const { type } = compileSelector(expression);
    return type === "bool" || type.startsWith("dyn")
      ? []
      : [invalidValue(at, expression, `must evaluate to bool or the unknown type, not ${type}`)];
  } catch (error) {
    if (error instanceof CelCompileError) return [invalidValue(at, expression, error.message)];
    throw error;
  }
}

export function validateConfiguration(
  { opaque }: DeviceConfiguration,
  path: Path,
  stored: boolean,
): FieldError[] {
  const at = path.child("opaque");
  if (!opaque) return [required(at)];
  return [
    ...validateDriver(opaque.driver, at.child("driver")),
    ...validateObjectData(opaque.parameters, at.child("parameters"), stored),
  ];
}

const maxParameters = 10 * 1024;

export function validateObjectData(
  data: RawExtension | undefined,
  path: Path,
  stored: boolean,
): FieldError[] {
  if (data === undefined || data === null) return [required(path)];
  if (!stored && Buffer.byteLength(JSON.stringify(data)) > maxParameters)
    return [tooLong(path, maxParameters)];
  return typeof data === "object" && !Array.isArray(data)
    ? []
    : [invalidValue(path, "<value omitted>", "must be a valid JSON object")];
}

const effects = ["NoExecute", "NoSchedule", "None"];

export function validateTaint(taint: DeviceTaint, path: Path): FieldError[] {
  const at = path.child("effect");
  return [
    ...check(qualifiedName, taint.key ?? "", path.child("key")),
    ...(taint.value ? check(labelValue, taint.value, path.child("value")) : []),
    ...(!taint.effect
      ? [required(at)]
      : effects.includes(taint.effect)
        ? []
        : [notSupported(at, taint.effect, effects)]),
  ];
}

export function validateToleration(toleration: DeviceToleration, path: Path): FieldError[] {
  const { key, operator, value = "", effect } = toleration;
  const errors = key ? check(qualifiedName, key, path.child("key")) : [];
  if (!operator) errors.push(required(path.child("operator")));
  else if (operator === "Equal") errors.push(...check(labelValue, value, path.child("value")));
  else if (operator !== "Exists")
    errors.push(notSupported(path.child("operator"), operator, ["Equal", "Exists"]));
  else if (value)
    errors.push(invalidValue(path.child("value"), value, "must be empty for operator `Exists`"));
  if (effect && !effects.includes(effect)) errors.push(notSupported(path.child("effect"), effect, effects));
  return errors;
}

/** The name of an attribute or a capacity: an identifier, with a domain before it if need be. */
export function validateQualified(name: string, path: Path): FieldError[] {
  const [domain = "", id, more] = name.split("/");
  if (id === undefined) return validateIdentifier(name, path);
  // As upstream: more than one slash is let through.
  if (more !== undefined) return [];
  return [
    ...(domain ? check(driverName, domain, path) : [invalidValue(path, "", "the domain must not be empty")]),
    ...(id ? validateIdentifier(id, path) : [invalidValue(path, "", "the name must not be empty")]),
  ];
}

const validateIdentifier: ItemRule<string> = (id, path) => [
  ...(Buffer.byteLength(id) > 32 ? [tooLong(path, 32)] : []),
  ...check(cIdentifier, id, path),
];

export const validateFullyQualified: ItemRule<string> = (name, path) => [
  ...validateQualified(name, path),
  ...(name.includes("/")
    ? []
    : [invalidValue(path, name, "a fully qualified name must be a domain and a name separated by a slash")]),
];
