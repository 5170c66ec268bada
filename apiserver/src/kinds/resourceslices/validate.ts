import type {
  CounterSet,
  ResourcePool,
  ResourceSlice,
  ResourceSliceSpec,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { immutable, invalidValue, path, required, type FieldError, type Path } from "../../registry/field.ts";
import {
  validateDriver,
  validateLabelName,
  validateMap,
  validatePoolName,
  validateSet,
} from "../shared/dra/rules.ts";
import { validateFlag, validateReachFields } from "./reach.ts";
import { validateDevice } from "./validate-device.ts";

const root = path("spec");

export function validateSlice({ spec }: ResourceSlice): FieldError[] {
  if (!spec) return [required(root)];
  const { devices = [], sharedCounters = [] } = spec;
  const errors = [
    ...validateDriver(spec.driver, root.child("driver")),
    ...validatePool(spec.pool, root.child("pool")),
    ...validateReach(spec, root),
  ];
  if (spec.devices && spec.sharedCounters)
    errors.push(invalidValue(root, "", "only one of `sharedCounters` or `devices` is allowed"));
  const costly = devices.some((d) => d.taints?.length || d.consumesCounters?.length);
  return [
    ...errors,
    ...validateSet(
      devices,
      { max: costly ? 64 : 128, key: (d) => d.name },
      (d, at) => validateDevice(d, at, spec.perDeviceNodeSelection ?? false),
      root.child("devices"),
    ),
    ...validateSet(
      sharedCounters,
      { max: 8, key: (c) => c.name },
      validateCounterSet,
      root.child("sharedCounters"),
    ),
  ];
}

export function validateSliceUpdate(slice: ResourceSlice, old: ResourceSlice): FieldError[] {
  const changed = (next: string | undefined, before: string | undefined, at: Path): FieldError[] =>
    next === before ? [] : [immutable(at, next ?? null)];
  return [
    ...validateSlice(slice),
    ...changed(slice.spec?.pool?.name, old.spec?.pool?.name, root.child("pool", "name")),
    ...changed(slice.spec?.driver, old.spec?.driver, root.child("driver")),
    ...changed(slice.spec?.nodeName, old.spec?.nodeName, root.child("nodeName")),
  ];
}

function validatePool(pool: Partial<ResourcePool> | undefined, at: Path): FieldError[] {
  const { name, resourceSliceCount = 0, generation = 0 } = pool ?? {};
  const errors = validatePoolName(name, at.child("name"));
  if (resourceSliceCount <= 0)
    errors.push(
      invalidValue(at.child("resourceSliceCount"), resourceSliceCount, "must be greater than zero"),
    );
  if (generation < 0)
    errors.push(invalidValue(at.child("generation"), generation, "must be greater than or equal to zero"));
  return errors;
}

function validateReach(spec: ResourceSliceSpec, at: Path): FieldError[] {
  const { set, errors } = validateReachFields(spec, at, false);
  errors.push(...validateFlag(spec.perDeviceNodeSelection, "perDeviceNodeSelection", at, set));
  const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
  if (set.length === 0) errors.push(required(at, one));
  else if (set.length > 1)
    errors.push(invalidValue(at, `{${set.join(", ")}}`, `${one}, but multiple fields are set`));
  return errors;
}

function validateCounterSet({ name, counters = {} }: Partial<CounterSet>, at: Path): FieldError[] {
  const where = at.child("counters");
  return [
    ...(name ? validateLabelName(name, at.child("name")) : [required(at.child("name"))]),
    ...(Object.keys(counters).length === 0
      ? [required(where)]
      : validateMap(counters, { max: 32, key: validateLabelName }, () => [], where)),
  ];
}
