import type {
  EnvFromSource,
  EnvVar,
  ObjectFieldSelector,
  ResourceFieldSelector,
  Volume,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  invalidValue,
  notFoundField,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { check, dataKey, dnsSubdomain, envVarName, qualifiedName } from "../names.ts";
import { nano } from "../quantity.ts";
import { isHugePages } from "./resources.ts";

export const envFieldPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
] as const;
export const volumeFieldPaths = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
] as const;
/** What the API can convert at all, whether or not it is allowed in a given place. */
const knownFieldPaths = new Set<string>([
  ...envFieldPaths,
  ...volumeFieldPaths,
  "spec.restartPolicy",
  "spec.schedulerName",
  "status.phase",
]);
const resourceNames = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];

export function validateEnv(
  env: readonly EnvVar[] | undefined,
  path: Path,
  volumes: readonly Volume[],
): FieldError[] {
  return (env ?? []).flatMap((variable, i) => {
    const at = path.index(i);
    const errors = variable.name
      ? check(envVarName, variable.name, at.child("name"))
      : [required(at.child("name"))];
    return [...errors, ...validateValueFrom(variable, at.child("valueFrom"), volumes)];
  });
}

function validateValueFrom(variable: EnvVar, path: Path, volumes: readonly Volume[]): FieldError[] {
  const from = variable.valueFrom;
  if (!from) return [];
  const errors: FieldError[] = [];
  let sources = 0;
  if (from.fieldRef) {
    sources++;
    errors.push(...validateFieldRef(from.fieldRef, path.child("fieldRef"), envFieldPaths));
  }
  if (from.resourceFieldRef) {
    sources++;
    errors.push(...validateResourceFieldRef(from.resourceFieldRef, path.child("resourceFieldRef"), false));
  }
  for (const ref of ["configMapKeyRef", "secretKeyRef"] as const) {
    const selector = from[ref];
    if (!selector) continue;
    sources++;
    errors.push(...validateKeyRef(selector, path.child(ref)));
  }
  if (from.fileKeyRef) {
    sources++;
    errors.push(...validateFileKeyRef(from.fileKeyRef, path.child("fileKeyRef"), volumes));
  }
  if (sources === 0)
    errors.push(
      invalidValue(
        path,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      ),
    );
  else if (variable.value)
    errors.push(invalidValue(path, "", "may not be specified when `value` is not empty"));
  else if (sources > 1)
    errors.push(invalidValue(path, "", "may not have more than one field specified at a time"));
  return errors;
}

const keyed = /^(metadata\.(?:annotations|labels))\['(.*)'\]$/;

/** A downward API field; `metadata.labels['key']` is allowed wherever labels are useful. */
export function validateFieldRef(
  ref: ObjectFieldSelector,
  path: Path,
  allowed: readonly string[],
): FieldError[] {
  if (!ref.apiVersion) return [required(path.child("apiVersion"))];
  if (!ref.fieldPath) return [required(path.child("fieldPath"))];
  const at = path.child("fieldPath");
  const subscript = keyed.exec(ref.fieldPath);
  if (subscript) {
    const key = subscript[2] ?? "";
    return subscript[1] === "metadata.labels"
      ? check(qualifiedName, key, path)
      : check(qualifiedName, key.toLowerCase(), path);
  }
  if (ref.fieldPath.endsWith("']"))
    return [
      invalidValue(
        at,
        ref.fieldPath,
        `error converting fieldPath: field label does not support subscript: ${ref.fieldPath}`,
      ),
    ];
  if (ref.apiVersion !== "v1" || !knownFieldPaths.has(ref.fieldPath))
    return [
      invalidValue(
        at,
        ref.fieldPath,
        `error converting fieldPath: field label not supported: ${ref.fieldPath}`,
      ),
    ];
  if (allowed.includes(ref.fieldPath)) return [];
  return [
    notSupported(
      at,
      ref.fieldPath,
      allowed.toSorted((a, b) => (a < b ? -1 : 1)),
    ),
  ];
}

export function validateResourceFieldRef(
  ref: ResourceFieldSelector,
  path: Path,
  volume: boolean,
): FieldError[] {
  if (volume && !ref.containerName) return [required(path.child("containerName"))];
  if (!ref.resource) return [required(path.child("resource"))];
  const name = ref.resource;
  const known = resourceNames.includes(name) || isHugePages(name.replace(/^(limits|requests)\./, ""));
  if (!known) return [notSupported(path.child("resource"), name, resourceNames)];
  return validateDivisor(ref, path.child("divisor"));
}

const one = 1_000_000_000n;
const memoryDivisors = new Set(
  ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"].map((d) => nano(d)),
);
function validateDivisor(ref: ResourceFieldSelector, path: Path): FieldError[] {
  const divisor = nano(ref.divisor);
  if (divisor === 0n) return [];
  const [, resource = ""] = ref.resource.split(".");
  if (resource === "cpu")
    return divisor === one || divisor === one / 1000n
      ? []
      : [
          invalidValue(
            path,
            ref.resource,
            "only divisor's values 1m and 1 are supported with the cpu resource",
          ),
        ];
  return memoryDivisors.has(divisor)
    ? []
    : [
        invalidValue(
          path,
          ref.resource,
          `only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the ${resource === "ephemeral-storage" ? "local ephemeral storage" : resource} resource`,
        ),
      ];
}

function validateKeyRef(
  ref: { name?: string | undefined; key?: string | undefined },
  path: Path,
): FieldError[] {
  const errors = check(dnsSubdomain, ref.name ?? "", path.child("name"));
  if (!ref.key) errors.push(required(path.child("key")));
  else errors.push(...check(dataKey, ref.key, path.child("key")));
  return errors;
}

function validateFileKeyRef(
  ref: { volumeName?: string; key?: string; path?: string },
  path: Path,
  volumes: readonly Volume[],
): FieldError[] {
  const errors: FieldError[] = [];
  if (!ref.key) errors.push(required(path.child("key")));
  else errors.push(...check(envVarName, ref.key, path.child("key")));
  if (!ref.volumeName) errors.push(required(path.child("volumeName")));
  else {
    const volume = volumes.find((v) => v.name === ref.volumeName);
    if (!volume) errors.push(notFoundField(path.child("volumeName"), ref.volumeName));
    else if (!volume.emptyDir)
      errors.push(
        invalidValue(path.child("volumeName"), ref.volumeName, "referenced volume must be of type emptyDir"),
      );
  }
  if (!ref.path) errors.push(required(path.child("path")));
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: Path): FieldError[] {
  return (sources ?? []).flatMap((source, i) => {
    const at = path.index(i);
    const errors = source.prefix ? check(envVarName, source.prefix, at.child("prefix")) : [];
    const refs = (["configMapRef", "secretRef"] as const).filter((ref) => source[ref]);
    for (const ref of refs) {
      const name = source[ref]?.name;
      if (!name) errors.push(required(at.child(ref, "name")));
      else errors.push(...check(dnsSubdomain, name, at.child(ref, "name")));
    }
    if (refs.length === 0)
      errors.push(invalidValue(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    else if (refs.length > 1)
      errors.push(invalidValue(path, "", "may not have more than one field specified at a time"));
    return errors;
  });
}
