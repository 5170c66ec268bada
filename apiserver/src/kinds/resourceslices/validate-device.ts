import type {
  Device,
  DeviceAttribute,
  DeviceCounterConsumption,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { invalidValue, required, tooLong, type FieldError, type Path } from "../../registry/field.ts";
import {
  validateLabelName,
  validateMap,
  validateQualified,
  validateSet,
  validateSlice,
  validateTaint,
} from "../shared/dra/rules.ts";
import { check, qualifiedName } from "../shared/names.ts";
import { validateReachFields } from "./reach.ts";
import { validateRequestPolicy } from "./request-policy.ts";

const maxProperties = 32;

export function validateDevice(device: Device, at: Path, choosesNodes: boolean): FieldError[] {
  const { attributes = {}, capacity = {} } = device;
  const errors = validateLabelName(device.name, at.child("name"));
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
    ...validateMap(attributes, { key: validateQualified }, validateAttribute, at.child("attributes")),
    ...validateMap(
      capacity,
      { key: validateQualified },
      (c, where) => validateRequestPolicy(c, where, device.allowMultipleAllocations ?? false),
      at.child("capacity"),
    ),
    ...validateSlice(device.taints, 16, validateTaint, at.child("taints")),
    ...validateSet(
      device.consumesCounters,
      { max: 2, key: (c) => c.counterSet },
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
  if (set === 0) errors.push(invalidValue(at, "", "exactly one value must be specified"));
  else if (set > 1) errors.push(invalidValue(at, attribute, "exactly one value must be specified"));
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
  const { nodeName, nodeSelector, allNodes } = device;
  if (!choosesNodes)
    return (nodeName ?? nodeSelector ?? allNodes) === undefined
      ? []
      : [
          invalidValue(
            at,
            null,
            "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
          ),
        ];
  const { set, errors } = validateReachFields(device, at, true);
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
      { max: 4, key: (c) => c },
      (condition, where) => check(qualifiedName, condition, where),
      at.child(name),
    );
  const failures = at.child("bindingFailureConditions");
  const errors = [...list("bindingConditions"), ...list("bindingFailureConditions")];
  bindingFailureConditions.forEach((condition, i) => {
    if (bindingConditions.includes(condition))
      errors.push(
        invalidValue(
          failures.index(i),
          condition,
          "bindingFailureConditions must not overlap with bindingConditions",
        ),
      );
  });
  if (bindingConditions.length === 0 && bindingFailureConditions.length > 0)
    errors.push(
      invalidValue(
        at.child("bindingConditions"),
        null,
        "bindingConditions are required to use bindingFailureConditions",
      ),
    );
  if (bindingFailureConditions.length === 0 && bindingConditions.length > 0)
    errors.push(
      invalidValue(failures, null, "bindingFailureConditions are required to use bindingConditions"),
    );
  return errors;
}
