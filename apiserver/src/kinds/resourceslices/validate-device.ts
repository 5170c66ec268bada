import type {
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
} from "@coracle/shared/api/generated/resource-v1.ts";
import {
  forbiddenField,
  invalidValue,
  required,
  tooLong,
  tooMany,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import {
  validateLabelName,
  validateMap,
  validateQualified,
  validateSet,
  validateSlice,
  validateTaint,
} from "../shared/dra/rules.ts";
import { check, qualifiedName } from "../shared/names.ts";
import { nano } from "../shared/quantity.ts";
import { validateReachFields } from "./reach.ts";

const maxProperties = 32;

export function validateDevice(device: Device, at: Path, choosesNodes: boolean): FieldError[] {
  const { attributes = {}, capacity = {} } = device;
  const errors = [
    ...validateLabelName(device.name, at.child("name")),
    ...validateMap(attributes, { key: validateQualified }, validateAttribute, at.child("attributes")),
    ...validateMap(
      capacity,
      { key: validateQualified },
      (c, where) => validateCapacity(c, where, device.allowMultipleAllocations ?? false),
      at.child("capacity"),
    ),
  ];
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > maxProperties)
    errors.push(
      invalidValue(
        at,
        count,
        `the total number of attributes and capacities must not exceed ${maxProperties}`,
      ),
    );
  return [
    ...errors,
    ...validateSlice(device.taints, 16, validateTaint, at.child("taints")),
    ...validateSet(
      device.consumesCounters,
      { max: 2, field: "counterSet", key: (c) => c.counterSet },
      validateConsumption,
      at.child("consumesCounters"),
    ),
    ...validateNodes(device, at, choosesNodes),
    ...validateBinding(device, at),
  ];
}

const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;

function validateAttribute(attribute: DeviceAttribute, at: Path): FieldError[] {
  const { string, version } = attribute;
  const errors: FieldError[] = [];
  if (string !== undefined && Buffer.byteLength(string) > 64) errors.push(tooLong(at.child("string"), 64));
  if (version !== undefined) {
    if (!semanticVersion.test(version))
      errors.push(
        invalidValue(at.child("version"), version, "must be a string compatible with semver.org spec 2.0.0"),
      );
    if (Buffer.byteLength(version) > 64) errors.push(tooLong(at.child("version"), 64));
  }
  const set = [attribute.int, attribute.bool, string, version].filter((v) => v !== undefined).length;
  if (set === 0) errors.push(required(at, "exactly one value must be specified"));
  else if (set > 1) errors.push(invalidValue(at, attribute, "exactly one value must be specified"));
  return errors;
}

function validateCapacity({ value, requestPolicy }: DeviceCapacity, at: Path, shared: boolean): FieldError[] {
  if (!requestPolicy) return [];
  const where = at.child("requestPolicy");
  if (!shared) return [forbiddenField(where, "allowMultipleAllocations must be true to set a requestPolicy")];
  const { default: usual, validValues, validRange } = requestPolicy;
  const errors: FieldError[] = [];
  if (validValues && validRange)
    errors.push(forbiddenField(where, "only one of `validValues` or `validRange` may be specified"));
  if ((validValues ?? validRange) && usual === undefined) errors.push(required(where.child("default")));
  if (validValues && validValues.length > 10)
    errors.push(tooMany(where.child("validValues"), validValues.length, 10));
  if (validRange && (nano(validRange.min) < 0n || nano(validRange.min) > nano(value)))
    errors.push(
      invalidValue(
        where.child("validRange", "min"),
        validRange.min,
        `must be greater than or equal to zero and less than or equal to capacity value: ${value}`,
      ),
    );
  if (validRange?.max !== undefined && nano(validRange.max) > nano(value))
    errors.push(
      invalidValue(
        where.child("validRange", "max"),
        validRange.max,
        `must be less than or equal to capacity value: ${value}`,
      ),
    );
  return errors;
}

function validateConsumption(
  { counterSet, counters = {} }: Partial<DeviceCounterConsumption>,
  at: Path,
): FieldError[] {
  const where = at.child("counters");
  return [
    ...(counterSet
      ? validateLabelName(counterSet, at.child("counterSet"))
      : [required(at.child("counterSet"))]),
    ...(Object.keys(counters).length === 0
      ? [required(where)]
      : validateMap(counters, { max: 32, key: validateLabelName }, () => [], where)),
  ];
}

function validateNodes(device: Device, at: Path, choosesNodes: boolean): FieldError[] {
  const { set, errors } = validateReachFields(device, at);
  if (!choosesNodes)
    return set.length === 0
      ? errors
      : [
          ...errors,
          invalidValue(
            at,
            null,
            "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
          ),
        ];
  const one =
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
  if (set.length === 0) return [...errors, required(at, one)];
  return set.length === 1 ? errors : [...errors, invalidValue(at, `{${set.join(", ")}}`, one)];
}

function validateBinding(device: Device, at: Path): FieldError[] {
  const { bindingConditions = [], bindingFailureConditions = [] } = device;
  const list = (name: "bindingConditions" | "bindingFailureConditions"): FieldError[] =>
    validateSet(
      device[name],
      { max: 4, field: "", key: (c) => c },
      (condition, where) => check(qualifiedName, condition, where),
      at.child(name),
    );
  const errors = [...list("bindingConditions"), ...list("bindingFailureConditions")];
  if (bindingConditions.length > 0 && bindingFailureConditions.length === 0)
    errors.push(
      required(
        at.child("bindingFailureConditions"),
        "bindingFailureConditions are required to use bindingConditions",
      ),
    );
  if (bindingFailureConditions.length > 0 && bindingConditions.length === 0)
    errors.push(
      required(
        at.child("bindingConditions"),
        "bindingConditions are required to use bindingFailureConditions",
      ),
    );
  return errors;
}
