import type { PersistentVolume, PersistentVolumeSpec } from "@coracle/shared/api/generated/core-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { validateAccessModes, validateVolumeMode } from "../shared/claim.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, dnsSubdomain } from "../shared/names.ts";
import { validateNodeSelector } from "../shared/pod/validate-scheduling.ts";
import { validateHostPath } from "../shared/pod/validate-volume.ts";
import { validatePositive } from "../shared/pod/resources.ts";
import { validateImmutable } from "../shared/workload.ts";

const root = path("spec");

/** Fields of the spec that are no volume source. */
const settings = new Set([
  "capacity",
  "accessModes",
  "claimRef",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "mountOptions",
  "volumeMode",
  "nodeAffinity",
  "volumeAttributesClassName",
]);

export const sourcesOf = (spec: PersistentVolumeSpec): string[] =>
  Object.entries(spec).flatMap(([field, value]) =>
    !settings.has(field) && value !== undefined ? [field] : [],
  );

export function validateVolume({ spec }: PersistentVolume): FieldError[] {
  if (!spec) return [required(root, "must specify a volume type")];
  const errors = [
    ...validateAccessModes(spec.accessModes, root.child("accessModes")),
    ...validateCapacity(spec),
  ];
  errors.push(...validateSources(spec), ...validateReclaimPolicy(spec));
  errors.push(...validateVolumeMode(spec.volumeMode, root.child("volumeMode")));
  if (spec.storageClassName)
    errors.push(...check(dnsSubdomain, spec.storageClassName, root.child("storageClassName")));
  if (spec.nodeAffinity) {
    const at = root.child("nodeAffinity", "required");
    errors.push(
      ...(spec.nodeAffinity.required
        ? validateNodeSelector(spec.nodeAffinity.required, at)
        : [required(at, "must specify required node constraints")]),
    );
  }
  if (spec.local && !spec.nodeAffinity)
    errors.push(required(root.child("nodeAffinity"), "Local volume requires node affinity"));
  return errors;
}

function validateCapacity(spec: PersistentVolumeSpec): FieldError[] {
  const at = root.child("capacity");
  const storage = spec.capacity?.["storage"];
  if (Object.keys(spec.capacity ?? {}).length === 0) return [required(at)];
  if (storage === undefined || Object.keys(spec.capacity ?? {}).length > 1)
    return [notSupported(at, Object.keys(spec.capacity ?? {}), ["storage"])];
  return validatePositive(storage, at.key("storage"));
}

function validateSources(spec: PersistentVolumeSpec): FieldError[] {
  const [first, ...others] = sourcesOf(spec);
  if (first === undefined) return [required(root, "must specify a volume type")];
  const errors = others.map((source) =>
    forbiddenField(root.child(source), "may not specify more than 1 volume type"),
  );
  if (spec.hostPath) errors.push(...validateHostPath(spec.hostPath, root.child("hostPath")));
  if (spec.local) {
    const at = root.child("local", "path");
    if (!spec.local.path) errors.push(required(at));
    else if (spec.local.path.split("/").includes(".."))
      errors.push(invalidValue(at, spec.local.path, "must not contain '..'"));
  }
  if (spec.nfs) {
    if (!spec.nfs.server) errors.push(required(root.child("nfs", "server")));
    if (!spec.nfs.path) errors.push(required(root.child("nfs", "path")));
    else if (!spec.nfs.path.startsWith("/"))
      errors.push(invalidValue(root.child("nfs", "path"), spec.nfs.path, "must be an absolute path"));
  }
  if (spec.csi) {
    if (!spec.csi.driver) errors.push(required(root.child("csi", "driver")));
    if (!spec.csi.volumeHandle) errors.push(required(root.child("csi", "volumeHandle")));
  }
  return errors;
}

function validateReclaimPolicy(spec: PersistentVolumeSpec): FieldError[] {
  const policy = spec.persistentVolumeReclaimPolicy;
  const at = root.child("persistentVolumeReclaimPolicy");
  const known = ["Delete", "Recycle", "Retain"];
  const errors = policy && !known.includes(policy) ? [notSupported(at, policy, known)] : [];
  if (spec.hostPath?.path === "/" && policy === "Recycle")
    errors.push(forbiddenField(at, "may not be 'recycle' for a hostPath mount of '/'"));
  return errors;
}

/** What a volume is made of stays; a node affinity may be added once. */
export function validateVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const errors = validateVolume(volume);
  const next = volume.spec ?? {};
  const before = old.spec ?? {};
  const source = (spec: PersistentVolumeSpec): object =>
    Object.fromEntries(sourcesOf(spec).map((field) => [field, spec[field as keyof PersistentVolumeSpec]]));
  if (!semanticEqual(source(next), source(before)))
    errors.push(
      forbiddenField(
        path("spec", "persistentvolumesource"),
        "spec.persistentvolumesource is immutable after creation",
      ),
    );
  errors.push(...validateImmutable(next.volumeMode, before.volumeMode, path("volumeMode")));
  if (before.nodeAffinity)
    errors.push(...validateImmutable(next.nodeAffinity, before.nodeAffinity, path("nodeAffinity")));
  return errors;
}
