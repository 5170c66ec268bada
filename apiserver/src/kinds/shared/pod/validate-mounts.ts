import type {
  Container,
  EphemeralContainer,
  Volume,
  VolumeMount,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notFoundField,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";

type AnyContainer = Container | EphemeralContainer;

/** A path that stays below the volume it is resolved in. */
export function validateDescendingPath(value: string, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (value.startsWith("/")) errors.push(invalidValue(path, value, "must be a relative path"));
  if (value.split("/").includes("..")) errors.push(invalidValue(path, value, "must not contain '..'"));
  return errors;
}

/** Such a path that also keeps clear of the names the kubelet uses for atomic updates. */
export function validateFilePath(value: string, path: Path): FieldError[] {
  const errors = validateDescendingPath(value, path);
  if (value.startsWith("..") && !value.startsWith("../"))
    errors.push(invalidValue(path, value, "must not start with '..'"));
  return errors;
}

export function validateMounts(
  container: AnyContainer,
  volumes: readonly Volume[],
  path: Path,
): FieldError[] {
  const devices = container.volumeDevices ?? [];
  const seen = new Set<string>();
  return (container.volumeMounts ?? []).flatMap((mount, i) => {
    const at = path.index(i);
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(at.child("name")));
    if (!volumes.some((v) => v.name === mount.name))
      errors.push(notFoundField(at.child("name"), mount.name ?? ""));
    if (!mount.mountPath) errors.push(required(at.child("mountPath")));
    if (seen.has(mount.mountPath))
      errors.push(invalidValue(at.child("mountPath"), mount.mountPath, "must be unique"));
    seen.add(mount.mountPath);
    if (devices.some((d) => d.name === mount.name))
      errors.push(invalidValue(at.child("name"), mount.name, "must not already exist in volumeDevices"));
    if (devices.some((d) => d.devicePath === mount.mountPath))
      errors.push(
        invalidValue(
          at.child("mountPath"),
          mount.mountPath,
          "must not already exist as a path in volumeDevices",
        ),
      );
    errors.push(...validateSubPaths(mount, at, path), ...validatePropagation(mount, container, path));
    errors.push(...validateRecursiveReadOnly(mount, path.child("recursiveReadOnly")));
    return errors;
  });
}

function validateSubPaths(mount: VolumeMount, at: Path, list: Path): FieldError[] {
  const errors = mount.subPath ? validateDescendingPath(mount.subPath, list.child("subPath")) : [];
  if (!mount.subPathExpr) return errors;
  if (mount.subPath)
    errors.push(
      invalidValue(
        at.child("subPathExpr"),
        mount.subPathExpr,
        "subPathExpr and subPath are mutually exclusive",
      ),
    );
  return [...errors, ...validateDescendingPath(mount.subPathExpr, list.child("subPathExpr"))];
}

const propagations = ["Bidirectional", "HostToContainer", "None"];
function validatePropagation(mount: VolumeMount, container: AnyContainer, list: Path): FieldError[] {
  const value = mount.mountPropagation;
  if (value === undefined) return [];
  const at = list.child("mountPropagation");
  if (!propagations.includes(value)) return [notSupported(at, value, propagations)];
  if (value === "Bidirectional" && container.securityContext?.privileged !== true)
    return [forbiddenField(at, "Bidirectional mount propagation is available only to privileged containers")];
  return [];
}

function validateRecursiveReadOnly(mount: VolumeMount, path: Path): FieldError[] {
  const value = mount.recursiveReadOnly;
  if (value === undefined) return [];
  const known = ["Disabled", "Enabled", "IfPossible"];
  if (!known.includes(value)) return [notSupported(path, value, known)];
  if (value === "Disabled") return [];
  const errors: FieldError[] = [];
  if (!mount.readOnly) errors.push(forbiddenField(path, "may only be specified when readOnly is true"));
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== "None")
    errors.push(forbiddenField(path, "may only be specified when mountPropagation is None or not specified"));
  return errors;
}

export function validateDevices(
  container: AnyContainer,
  volumes: readonly Volume[],
  path: Path,
): FieldError[] {
  const mounts = container.volumeMounts ?? [];
  const names = new Set<string>();
  const paths = new Set<string>();
  return (container.volumeDevices ?? []).flatMap((device, i) => {
    const at = path.index(i);
    const errors: FieldError[] = [];
    if (!device.name) errors.push(required(at.child("name")));
    if (names.has(device.name)) errors.push(invalidValue(at.child("name"), device.name, "must be unique"));
    const volume = volumes.find((v) => v.name === device.name);
    if (!volume) errors.push(notFoundField(at.child("name"), device.name ?? ""));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral)
      errors.push(
        invalidValue(
          at.child("name"),
          device.name,
          "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
        ),
      );
    if (!device.devicePath) errors.push(required(at.child("devicePath")));
    if (paths.has(device.devicePath))
      errors.push(invalidValue(at.child("devicePath"), device.devicePath, "must be unique"));
    if (device.devicePath?.split("/").includes(".."))
      errors.push(
        invalidValue(at.child("devicePath"), device.devicePath, "can not contain backsteps ('..')"),
      );
    if (mounts.some((m) => m.name === device.name))
      errors.push(invalidValue(at.child("name"), device.name, "must not already exist in volumeMounts"));
    if (mounts.some((m) => m.mountPath === device.devicePath))
      errors.push(
        invalidValue(
          at.child("devicePath"),
          device.devicePath,
          "must not already exist as a path in volumeMounts",
        ),
      );
    names.add(device.name);
    paths.add(device.devicePath);
    return errors;
  });
}
