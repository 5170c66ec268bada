import type {
  AppArmorProfile,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { between } from "../names.ts";
import { validateDescendingPath } from "./validate-mounts.ts";

const maxId = 0xffff_ffff;
const validateId = (id: number | undefined, path: Path): FieldError[] =>
  id === undefined || (id >= 0 && id <= maxId) ? [] : [invalidValue(path, id, between(0, maxId))];

export function validateSecurityContext(
  context: SecurityContext | undefined,
  path: Path,
  hostUsers: boolean | undefined,
): FieldError[] {
  if (!context) return [];
  const errors = [
    ...validateId(context.runAsUser, path.child("runAsUser")),
    ...validateId(context.runAsGroup, path.child("runAsGroup")),
    ...validateSeccomp(context.seccompProfile, path.child("seccompProfile")),
    ...validateAppArmor(context.appArmorProfile, path.child("appArmorProfile")),
  ];
  if (context.procMount !== undefined && !["Default", "Unmasked"].includes(context.procMount))
    errors.push(notSupported(path.child("procMount"), context.procMount, ["Default", "Unmasked"]));
  else if (context.procMount === "Unmasked" && hostUsers !== false)
    errors.push(
      invalidValue(path.child("procMount"), context.procMount, "`hostUsers` must be false to use `Unmasked`"),
    );
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged)
      errors.push(
        invalidValue(
          path,
          context,
          "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ),
      );
    if (context.capabilities?.add?.includes("CAP_SYS_ADMIN"))
      errors.push(
        invalidValue(
          path,
          context,
          "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
        ),
      );
  }
  return errors;
}

function validateSeccomp(profile: SeccompProfile | undefined, path: Path): FieldError[] {
  if (!profile) return [];
  const known = ["Localhost", "RuntimeDefault", "Unconfined"];
  if (!profile.type) return [required(path.child("type"), "type is required when seccompProfile is set")];
  const at = path.child("localhostProfile");
  if (profile.type === "Localhost")
    return profile.localhostProfile === undefined
      ? [required(at, "must be set when seccomp type is Localhost")]
      : validateDescendingPath(profile.localhostProfile, at);
  const errors = known.includes(profile.type) ? [] : [notSupported(path.child("type"), profile.type, known)];
  if (profile.localhostProfile !== undefined)
    errors.push(invalidValue(at, profile, "can only be set when seccomp type is Localhost"));
  return errors;
}

function validateAppArmor(profile: AppArmorProfile | undefined, path: Path): FieldError[] {
  if (!profile) return [];
  const known = ["Localhost", "RuntimeDefault", "Unconfined"];
  const at = path.child("localhostProfile");
  if (!profile.type) return [required(path.child("type"), "type is required when appArmorProfile is set")];
  if (!known.includes(profile.type)) return [notSupported(path.child("type"), profile.type, known)];
  if (profile.type === "Localhost")
    return profile.localhostProfile?.trim()
      ? []
      : [required(at, "must be set when AppArmor type is Localhost")];
  return profile.localhostProfile === undefined
    ? []
    : [invalidValue(at, profile.localhostProfile, "can only be set when AppArmor type is Localhost")];
}

export function validatePodSecurityContext(spec: PodSpec, path: Path): FieldError[] {
  const context = spec.securityContext;
  const errors: FieldError[] = [];
  const at = path.child("securityContext");
  if (spec.shareProcessNamespace && spec.hostPID)
    errors.push(
      invalidValue(
        at.child("shareProcessNamespace"),
        true,
        "ShareProcessNamespace and HostPID cannot both be enabled",
      ),
    );
  errors.push(...validateHostUsers(spec, path));
  if (!context) return errors;
  errors.push(
    ...validateId(context.fsGroup, at.child("fsGroup")),
    ...validateId(context.runAsUser, at.child("runAsUser")),
    ...validateId(context.runAsGroup, at.child("runAsGroup")),
    ...(context.supplementalGroups ?? []).flatMap((gid, i) =>
      validateId(gid, at.child("supplementalGroups").index(i)),
    ),
    ...validateSysctls(context.sysctls ?? [], spec, at.child("sysctls")),
    ...validateSeccomp(context.seccompProfile, at.child("seccompProfile")),
    ...validateAppArmor(context.appArmorProfile, at.child("appArmorProfile")),
  );
  const enums = [
    ["fsGroupChangePolicy", ["Always", "OnRootMismatch"]],
    ["supplementalGroupsPolicy", ["Merge", "Strict"]],
    ["seLinuxChangePolicy", ["MountOption", "Recursive"]],
  ] as const;
  for (const [field, known] of enums) {
    const value = context[field];
    if (value !== undefined && !(known as readonly string[]).includes(value))
      errors.push(notSupported(at.child(field), value, known));
  }
  return errors;
}

function validateHostUsers(spec: PodSpec, path: Path): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const errors: FieldError[] = [];
  const conflicts = [
    ["hostNetwork", spec.hostNetwork],
    ["HostPID", spec.hostPID],
    ["HostIPC", spec.hostIPC],
  ] as const;
  for (const [field, set] of conflicts)
    if (set) errors.push(forbiddenField(path.child(field), "when `pod.Spec.HostUsers` is false"));
  return errors;
}

const sysctlSegment = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const sysctlName = `(${sysctlSegment}[\\./])*${sysctlSegment}`;
const sysctlForm = new RegExp(`^${sysctlName}$`);

function validateSysctls(sysctls: readonly Sysctl[], spec: PodSpec, path: Path): FieldError[] {
  const seen = new Set<string>();
  return sysctls.flatMap(({ name }, i) => {
    const at = path.index(i).child("name");
    const errors: FieldError[] = [];
    if (!name) errors.push(required(at));
    else if (name.length > 253 || !sysctlForm.test(name))
      errors.push(invalidValue(at, name, `must have at most 253 characters and match regex ^${sysctlName}$`));
    else if (seen.has(name)) errors.push(duplicate(at, name));
    const dotted = name?.replaceAll("/", ".") ?? "";
    if (spec.hostNetwork && dotted.startsWith("net."))
      errors.push(invalidValue(at, name, "may not be specified when 'hostNetwork' is true"));
    if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted))
      errors.push(invalidValue(at, name, "may not be specified when 'hostIPC' is true"));
    seen.add(name);
    return errors;
  });
}
