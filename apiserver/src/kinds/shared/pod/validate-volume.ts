import type { KeyToPath, Volume, VolumeProjection } from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { validateClaimSpec } from "../claim.ts";
import { validateLabelSelector } from "../selector.ts";
import { check, dnsLabel, dnsSubdomain } from "../names.ts";
import { nano } from "../quantity.ts";
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from "./validate-env.ts";
import { validateFilePath } from "./validate-mounts.ts";

export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  podName: string,
  path: Path,
): FieldError[] {
  const names = new Set<string>();
  return (volumes ?? []).flatMap((volume, i) => {
    const at = path.index(i);
    const errors = volume.name
      ? check(dnsLabel, volume.name, at.child("name"))
      : [required(at.child("name"))];
    if (volume.name && names.has(volume.name)) errors.push(duplicate(at.child("name"), volume.name));
    names.add(volume.name);
    return [...errors, ...validateSource(volume, podName, at)];
  });
}

type Source = Exclude<keyof Volume, "name">;

function validateSource(volume: Volume, podName: string, path: Path): FieldError[] {
  const given = Object.entries(volume).flatMap(([field, value]) =>
    field !== "name" && value !== undefined && value !== null ? [field as Source] : [],
  );
  const [first, ...others] = given;
  if (first === undefined) return [required(path, "must specify a volume type")];
  const errors = others.map((field) =>
    forbiddenField(path.child(field), "may not specify more than 1 volume type"),
  );
  if (first === "ephemeral") return [...errors, ...validateEphemeralVolume(volume, podName, path)];
  return [...errors, ...validateOne(volume, first, path.child(first))];
}

function validateOne(volume: Volume, source: Source, at: Path): FieldError[] {
  switch (source) {
    case "emptyDir":
      return validateEmptyDir(volume, at);
    case "hostPath":
      return validateHostPath(volume.hostPath ?? { path: "" }, at);
    case "secret":
      return [
        ...needs(volume.secret?.secretName, at.child("secretName")),
        ...validateMode(volume.secret?.defaultMode, at.child("defaultMode")),
        ...validateItems(volume.secret?.items, at.child("items")),
      ];
    case "configMap":
      return [
        ...needs(volume.configMap?.name, at.child("name")),
        ...validateMode(volume.configMap?.defaultMode, at.child("defaultMode")),
        ...validateItems(volume.configMap?.items, at.child("items")),
      ];
    case "downwardAPI":
      return [
        ...validateMode(volume.downwardAPI?.defaultMode, at.child("defaultMode")),
        ...validateDownward(volume.downwardAPI?.items, at),
      ];
    case "projected":
      return validateProjected(volume, at);
    case "persistentVolumeClaim":
      return needs(volume.persistentVolumeClaim?.claimName, at.child("claimName"));
    case "image":
      return validateImage(volume, at);
    default:
      return validateNetworkVolume(volume, source, at);
  }
}

const needs = (value: string | undefined, path: Path): FieldError[] => (value ? [] : [required(path)]);

/** File modes: 0 to 0777. */
export const validateMode = (mode: number | undefined, path: Path): FieldError[] =>
  mode === undefined || (mode >= 0 && mode <= 0o777)
    ? []
    : [invalidValue(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")];

function validateEmptyDir(volume: Volume, path: Path): FieldError[] {
  const limit = volume.emptyDir?.sizeLimit;
  return limit !== undefined && nano(limit) < 0n
    ? [forbiddenField(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")]
    : [];
}

const hostPathTypes = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

/** Also used by persistent volumes. */
export function validateHostPath(
  source: { path: string; type?: string | undefined },
  at: Path,
): FieldError[] {
  if (!source.path) return [required(at.child("path"))];
  const errors = source.path.split("/").includes("..")
    ? [invalidValue(at.child("path"), source.path, "must not contain '..'")]
    : [];
  if (source.type !== undefined && !hostPathTypes.includes(source.type))
    errors.push(notSupported(at.child("type"), source.type, hostPathTypes));
  return errors;
}

const validateItems = (items: readonly KeyToPath[] | undefined, path: Path): FieldError[] =>
  (items ?? []).flatMap((item, i) => {
    const at = path.index(i);
    return [
      ...needs(item.key, at.child("key")),
      ...(item.path ? validateFilePath(item.path, at.child("path")) : [required(at.child("path"))]),
      ...validateMode(item.mode, at.child("mode")),
    ];
  });

type DownwardItems = NonNullable<Volume["downwardAPI"]>["items"];

function validateDownward(items: DownwardItems, path: Path): FieldError[] {
  return (items ?? []).flatMap((item) => {
    const errors = item.path
      ? validateFilePath(item.path, path.child("path"))
      : [required(path.child("path"))];
    if (item.fieldRef) {
      errors.push(...validateFieldRef(item.fieldRef, path.child("fieldRef"), volumeFieldPaths));
      if (item.resourceFieldRef)
        errors.push(
          invalidValue(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"),
        );
    } else if (item.resourceFieldRef)
      errors.push(...validateResourceFieldRef(item.resourceFieldRef, path.child("resourceFieldRef"), true));
    else errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
    return [...errors, ...validateMode(item.mode, path.child("mode"))];
  });
}

function validateProjected(volume: Volume, path: Path): FieldError[] {
  const errors = validateMode(volume.projected?.defaultMode, path.child("defaultMode"));
  const paths = new Set<string>();
  (volume.projected?.sources ?? []).forEach((source, i) => {
    errors.push(...validateProjection(source, path.child("sources").index(i), path));
    for (const file of projectedPaths(source)) {
      if (paths.has(file)) errors.push(invalidValue(path, file, "conflicting duplicate paths"));
      paths.add(file);
    }
  });
  return errors;
}

const projectedPaths = (source: VolumeProjection): string[] =>
  [
    ...(source.secret?.items ?? []),
    ...(source.configMap?.items ?? []),
    ...(source.downwardAPI?.items ?? []),
    ...(source.serviceAccountToken ? [source.serviceAccountToken] : []),
    ...(source.clusterTrustBundle ? [source.clusterTrustBundle] : []),
  ].flatMap((item) => (item.path ? [item.path] : []));

function validateProjection(source: VolumeProjection, at: Path, volume: Path): FieldError[] {
  const given = Object.keys(source) as (keyof VolumeProjection)[];
  const errors = given
    .slice(1)
    .map((field) => forbiddenField(at.child(field), "may not specify more than 1 volume type"));
  if (given.length === 0) errors.push(required(at, "must specify a projected volume source"));
  for (const field of ["secret", "configMap"] as const) {
    const projection = source[field];
    if (!projection) continue;
    errors.push(...needs(projection.name, at.child(field, "name")));
    errors.push(...validateItems(projection.items, at.child(field, "items")));
  }
  if (source.downwardAPI) errors.push(...validateDownward(source.downwardAPI.items, at.child("downwardAPI")));
  if (source.serviceAccountToken) errors.push(...validateToken(source.serviceAccountToken, at, volume));
  if (source.clusterTrustBundle)
    errors.push(
      ...validateLabelSelector(
        source.clusterTrustBundle.labelSelector,
        at.child("clusterTrustBundle", "labelSelector"),
      ),
      ...needs(source.clusterTrustBundle.path, at.child("clusterTrustBundle", "path")),
    );
  return errors;
}

function validateToken(
  token: NonNullable<VolumeProjection["serviceAccountToken"]>,
  at: Path,
  volume: Path,
): FieldError[] {
  const where = at.child("serviceAccountToken");
  const errors: FieldError[] = [];
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < 600)
    errors.push(
      invalidValue(
        where.child("expirationSeconds"),
        seconds,
        "may not specify a duration less than 10 minutes",
      ),
    );
  if (seconds > 2 ** 32)
    errors.push(
      invalidValue(
        where.child("expirationSeconds"),
        seconds,
        "may not specify a duration larger than 2^32 seconds",
      ),
    );
  if (!token.path) errors.push(required(volume.child("path")));
  else errors.push(...validateFilePath(token.path, volume.child("path")));
  return errors;
}

function validateEphemeralVolume(volume: Volume, podName: string, at: Path): FieldError[] {
  const path = at.child("ephemeral");
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (!template) return [required(path.child("volumeClaimTemplate"))];
  const claimName = `${podName}-${volume.name}`;
  const errors = podName
    ? dnsSubdomain(claimName).map((message) =>
        invalidValue(at.child("name"), volume.name, `PVC name "${claimName}": ${message}`),
      )
    : [];
  return [...errors, ...validateClaimSpec(template.spec, path.child("volumeClaimTemplate", "spec"))];
}

function validateImage(volume: Volume, path: Path): FieldError[] {
  const errors = needs(volume.image?.reference, path.child("reference"));
  const policy = volume.image?.pullPolicy;
  const known = ["Always", "IfNotPresent", "Never"];
  if (policy && !known.includes(policy)) errors.push(notSupported(path.child("pullPolicy"), policy, known));
  return errors;
}

/** What the sources that need a network or a driver cannot do without. */
const requiredFields: Readonly<Partial<Record<Source, readonly string[]>>> = {
  nfs: ["server", "path"],
  iscsi: ["targetPortal", "iqn"],
  rbd: ["monitors", "image"],
  glusterfs: ["endpoints", "path"],
  cephfs: ["monitors"],
  csi: ["driver"],
  awsElasticBlockStore: ["volumeID"],
  gcePersistentDisk: ["pdName"],
  cinder: ["volumeID"],
  azureDisk: ["diskName", "diskURI"],
  azureFile: ["secretName", "shareName"],
  vsphereVolume: ["volumePath"],
  photonPersistentDisk: ["pdID"],
  portworxVolume: ["volumeID"],
  quobyte: ["registry", "volume"],
  scaleIO: ["gateway", "system", "volumeName"],
  flexVolume: ["driver"],
  gitRepo: ["repository"],
};

function validateNetworkVolume(volume: Volume, source: Source, path: Path): FieldError[] {
  const value = volume[source] as unknown as Readonly<Record<string, unknown>>;
  const errors = (requiredFields[source] ?? []).flatMap((field) => {
    const given = value[field];
    return given && !(Array.isArray(given) && given.length === 0) ? [] : [required(path.child(field))];
  });
  if (volume.nfs?.path && !volume.nfs.path.startsWith("/"))
    errors.push(invalidValue(path.child("path"), volume.nfs.path, "must be an absolute path"));
  return errors;
}
