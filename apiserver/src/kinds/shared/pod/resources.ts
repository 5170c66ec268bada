import type {
  Container,
  EphemeralContainer,
  PodSpec,
  ResourceRequirements,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { check, mustNotBeNegative, qualifiedName } from "../names.ts";
import { addQuantities, canonical, isWhole, nano } from "../quantity.ts";

type AnyContainer = Container | EphemeralContainer;

const containerResources = new Set(["cpu", "memory", "ephemeral-storage"]);
const integerResources = new Set([
  "pods",
  "services",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
]);
const standardResources = new Set([
  ...containerResources,
  ...integerResources,
  "storage",
  "requests.cpu",
  "requests.memory",
  "requests.ephemeral-storage",
  "requests.storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
]);

export const isHugePages = (name: string): boolean => name.startsWith("hugepages-");
export const isNativeResource = (name: string): boolean =>
  !name.includes("/") || name.includes("kubernetes.io/");
export const isStandardContainerResource = (name: string): boolean =>
  containerResources.has(name) || isHugePages(name);
export const isStandardResource = (name: string): boolean =>
  standardResources.has(name) || isHugePages(name) || name.startsWith("requests.hugepages-");
export const isIntegerResource = (name: string): boolean => integerResources.has(name) || isExtended(name);

function isExtended(name: string): boolean {
  if (isNativeResource(name) || name.startsWith("requests.")) return false;
  return qualifiedName(`requests.${name}`).length === 0;
}
/** Amounts that may not be promised twice: extended resources and huge pages. */
export const isExact = (name: string): boolean => !containerResources.has(name);

export function validateResourceName(name: string, path: Path): FieldError[] {
  const errors = check(qualifiedName, name, path);
  if (errors.length > 0) return errors;
  return name.includes("/") || isStandardResource(name)
    ? []
    : [invalidValue(path, name, "must be a standard resource type or fully qualified")];
}

export function validateContainerResourceName(name: string, path: Path): FieldError[] {
  const errors = validateResourceName(name, path);
  if (!name.includes("/") && !isStandardContainerResource(name))
    errors.push(invalidValue(path, name, "must be a standard resource for containers"));
  else if (!isNativeResource(name) && !isExtended(name))
    errors.push(invalidValue(path, name, "doesn't follow extended resource name standard"));
  return errors;
}

export function validateResourceValue(name: string, value: string, path: Path): FieldError[] {
  const errors = validateNotNegative(value, path);
  if (isIntegerResource(name) && !isWhole(value))
    errors.push(invalidValue(path, value, "must be an integer"));
  return errors;
}

export const validateNotNegative = (value: string, path: Path): FieldError[] =>
  nano(value) < 0n ? [invalidValue(path, canonical(value), mustNotBeNegative)] : [];
export const validatePositive = (value: string, path: Path): FieldError[] =>
  nano(value) <= 0n ? [invalidValue(path, canonical(value), "must be greater than zero")] : [];

/** Requests and limits of a container, or of a pod as a whole. */
export function validateResources(resources: ResourceRequirements | undefined, path: Path): FieldError[] {
  if (!resources) return [];
  const errors: FieldError[] = [];
  const { limits = {}, requests = {} } = resources;
  for (const [part, list] of [
    ["limits", limits],
    ["requests", requests],
  ] as const)
    for (const [name, value] of Object.entries(list)) {
      const at = path.child(part).key(name);
      errors.push(...validateContainerResourceName(name, at), ...validateResourceValue(name, value, at));
      const page = isHugePages(name) ? nano(name.slice("hugepages-".length)) : 0n;
      if (page > 0n && nano(value) % page !== 0n)
        errors.push(
          invalidValue(
            at,
            canonical(value),
            `${canonical(value)} is not positive integer multiple of ${name}`,
          ),
        );
    }
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined) errors.push(...compareWithLimit(name, request, limit, path.child("requests")));
    else if (isExact(name))
      errors.push(required(path.child("limits"), "Limit must be set for non overcommitable resources"));
  }
  const usesHugePages = Object.keys({ ...limits, ...requests }).some(isHugePages);
  const usesCpuOrMemory = ["cpu", "memory"].some((n) => limits[n] !== undefined || requests[n] !== undefined);
  if (usesHugePages && !usesCpuOrMemory) errors.push(forbiddenField(path, "HugePages require cpu or memory"));
  return errors;
}

/** Requests and limits of a pod as a whole: at least what its containers ask for together, at most nothing less than one of them may use. */
export function validatePodLevelResources(spec: PodSpec, path: Path): FieldError[] {
  const pod = spec.resources;
  if (!pod) return [];
  const errors: FieldError[] = [];
  if (pod.claims)
    errors.push(forbiddenField(path.child("claims"), "claims cannot be set for Resources at pod-level"));
  errors.push(...validateResources(pod, path));
  for (const name of ["cpu", "memory"]) {
    const wanted = effectiveRequest(spec, name);
    if (wanted !== undefined && nano(wanted) > nano(pod.requests?.[name]))
      errors.push(
        invalidValue(
          path.child("requests").key(name),
          canonical(pod.requests?.[name] ?? "0"),
          `must be greater than or equal to aggregate container requests of ${wanted}`,
        ),
      );
  }
  (spec.containers ?? []).forEach((container, i) => {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const most = pod.limits?.[name];
      if (most !== undefined && nano(limit) > nano(most))
        errors.push(
          invalidValue(
            path.child("containers").index(i).key(name).child("limits"),
            canonical(limit),
            `must be less than or equal to pod limits of ${canonical(most)}`,
          ),
        );
    }
  });
  return errors;
}

function compareWithLimit(name: string, request: string, limit: string, path: Path): FieldError[] {
  const difference = nano(request) - nano(limit);
  if (isExact(name))
    return difference === 0n
      ? []
      : [invalidValue(path, canonical(request), `must be equal to ${name} limit of ${canonical(limit)}`)];
  return difference <= 0n
    ? []
    : [
        invalidValue(
          path,
          canonical(request),
          `must be less than or equal to ${name} limit of ${canonical(limit)}`,
        ),
      ];
}

/** The quality-of-service class: what a node evicts first, and the parent of the pod's cgroup. */
export function qosClass(spec: PodSpec): "Guaranteed" | "Burstable" | "BestEffort" {
  const containers: AnyContainer[] = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const podLevel = spec.resources;
  const lists: ResourceRequirements[] =
    podLevel?.requests || podLevel?.limits ? [podLevel] : containers.map((c) => c.resources ?? {});
  const positive = (value: string | undefined): boolean => nano(value) > 0n;
  const names = ["cpu", "memory"];
  const uses = lists.some((r) => names.some((n) => positive(r.requests?.[n]) || positive(r.limits?.[n])));
  if (!uses) return "BestEffort";
  const guaranteed = lists.every((r) =>
    names.every(
      (n) => positive(r.limits?.[n]) && nano(r.requests?.[n] ?? r.limits?.[n]) === nano(r.limits?.[n]),
    ),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

/** Pod-level requests, when pod-level limits are given: what the containers ask for, else the limits. */
export function setPodLevelResources(spec: PodSpec): void {
  const pod = spec.resources;
  if (!pod?.limits || Object.keys(pod.limits).length === 0) return;
  const requests = { ...pod.requests };
  for (const name of ["cpu", "memory"]) {
    const wanted = effectiveRequest(spec, name);
    if (requests[name] === undefined && wanted !== undefined) requests[name] = wanted;
  }
  for (const [name, limit] of Object.entries(pod.limits)) requests[name] ??= limit;
  pod.requests = requests;
}

/** The larger of all app containers and sidecars together, and of any init container with the sidecars before it. */
function effectiveRequest(spec: PodSpec, name: string): string | undefined {
  const of = (c: Container): string | undefined => c.resources?.requests?.[name];
  const sidecars: (string | undefined)[] = [];
  const candidates: string[] = [];
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === "Always") sidecars.push(of(container));
    else candidates.push(addQuantities([...sidecars, of(container)]));
  }
  const running = [...sidecars, ...(spec.containers ?? []).map(of)];
  if (running.every((r) => r === undefined) && candidates.every((c) => nano(c) === 0n)) return undefined;
  candidates.push(addQuantities(running));
  return candidates.reduce((max, c) => (nano(c) > nano(max) ? c : max));
}
