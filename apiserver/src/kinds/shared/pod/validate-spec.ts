import type { PodSpec, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import {
  between,
  check,
  dnsLabel,
  dnsSubdomain,
  dnsSubdomainWithUnderscore,
  qualifiedName,
} from "../names.ts";
import { ipAddress } from "../net.ts";
import { validateLabels } from "../selector.ts";
import { validatePodLevelResources, validateResourceName, validateResourceValue } from "./resources.ts";
import { validatePodClaims } from "./validate-claims.ts";
import { validateContainers } from "./validate-container.ts";
import { validateAffinity, validateTolerations, validateTopologySpread } from "./validate-scheduling.ts";
import { validatePodSecurityContext } from "./validate-security.ts";
import { validateVolumes } from "./validate-volume.ts";

const maxInt32 = 2 ** 31 - 1;
const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/** Every rule for the spec of a pod or of a pod template. */
export function validatePodSpec(spec: PodSpec | undefined, path: Path, podName = ""): FieldError[] {
  if (!spec) return [required(path.child("containers"))];
  return [
    ...validateVolumes(spec.volumes, podName, path.child("volumes")),
    ...validateContainers(spec, path),
    ...oneOf(spec.restartPolicy, restartPolicies, path.child("restartPolicy")),
    ...oneOf(spec.dnsPolicy, dnsPolicies, path.child("dnsPolicy")),
    ...validateDNSConfig(spec, path.child("dnsConfig")),
    ...validateLabels(spec.nodeSelector, path.child("nodeSelector")),
    ...validatePodSecurityContext(spec, path),
    ...validateNames(spec, path),
    ...validateDurations(spec, path),
    ...validateAffinity(spec.affinity, path.child("affinity")),
    ...validateTolerations(spec.tolerations, path.child("tolerations")),
    ...validateTopologySpread(spec.topologySpreadConstraints, path.child("topologySpreadConstraints")),
    ...validateHostAliases(spec, path.child("hostAliases")),
    ...validateGates(spec, path),
    ...validateOverhead(spec, path.child("overhead")),
    ...validatePodLevelResources(spec, path.child("resources")),
    ...validatePodClaims(spec.resourceClaims, podName, path.child("resourceClaims")),
    ...validateOS(spec, path),
  ];
}

const oneOf = (value: string | undefined, known: readonly string[], path: Path): FieldError[] =>
  !value ? [required(path)] : known.includes(value) ? [] : [notSupported(path, value, known)];

function validateNames(spec: PodSpec, path: Path): FieldError[] {
  const rules = [
    ["serviceAccountName", dnsSubdomain],
    ["nodeName", dnsSubdomain],
    ["hostname", dnsLabel],
    ["subdomain", dnsLabel],
    ["priorityClassName", dnsSubdomain],
    ["runtimeClassName", dnsSubdomain],
    ["schedulerName", dnsSubdomain],
    ["hostnameOverride", dnsSubdomain],
  ] as const;
  const errors = rules.flatMap(([field, rule]) => {
    const value = spec[field];
    return value ? check(rule, value, path.child(field)) : [];
  });
  if (spec.preemptionPolicy !== undefined)
    errors.push(
      ...oneOf(spec.preemptionPolicy, ["PreemptLowerPriority", "Never"], path.child("preemptionPolicy")),
    );
  if (spec.hostnameOverride !== undefined && spec.setHostnameAsFQDN)
    errors.push(
      forbiddenField(path.child("setHostnameAsFQDN"), "may not be specified when `hostnameOverride` is set"),
    );
  return errors;
}

function validateDurations(spec: PodSpec, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { activeDeadlineSeconds: deadline, terminationGracePeriodSeconds: grace } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32))
    errors.push(invalidValue(path.child("activeDeadlineSeconds"), deadline, between(1, maxInt32)));
  if (grace === undefined) errors.push(required(path.child("terminationGracePeriodSeconds")));
  return errors;
}

function validateDNSConfig(spec: PodSpec, path: Path): FieldError[] {
  const config = spec.dnsConfig;
  const errors: FieldError[] = [];
  if (spec.dnsPolicy === "None" && !config)
    return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")];
  if (spec.dnsPolicy === "None" && !config?.nameservers?.length)
    return [
      required(
        path.child("nameservers"),
        "must provide at least one DNS nameserver when `dnsPolicy` is None",
      ),
    ];
  const nameservers = config?.nameservers ?? [];
  if (nameservers.length > 3)
    errors.push(
      invalidValue(path.child("nameservers"), nameservers, "must not have more than 3 nameservers"),
    );
  nameservers.forEach((server, i) =>
    errors.push(...check(ipAddress, server, path.child("nameservers").index(i))),
  );
  const searches = config?.searches ?? [];
  if (searches.length > 32)
    errors.push(invalidValue(path.child("searches"), searches, "must not have more than 32 search paths"));
  if (searches.join(" ").length > 2048)
    errors.push(
      invalidValue(
        path.child("searches"),
        searches,
        "must not have more than 2048 characters (including spaces) in the search list",
      ),
    );
  searches.forEach((search, i) => {
    if (search === ".") return;
    errors.push(
      ...check(dnsSubdomainWithUnderscore, search.replace(/\.$/, ""), path.child("searches").index(i)),
    );
  });
  (config?.options ?? []).forEach((option, i) => {
    if (!option.name) errors.push(required(path.child("options").index(i), "must not be empty"));
  });
  return errors;
}

const validateHostAliases = (spec: PodSpec, path: Path): FieldError[] =>
  (spec.hostAliases ?? []).flatMap((alias, i) => [
    ...check(ipAddress, alias.ip ?? "", path.index(i).child("ip")),
    ...(alias.hostnames ?? []).flatMap((name, n) =>
      check(dnsSubdomain, name, path.index(i).child("hostnames").index(n)),
    ),
  ]);

function validateGates(spec: PodSpec, path: Path): FieldError[] {
  const errors = (spec.readinessGates ?? []).flatMap((gate, i) =>
    check(
      qualifiedName,
      gate.conditionType ?? "",
      path.child("readinessGates").index(i).child("conditionType"),
    ),
  );
  const seen = new Set<string>();
  (spec.schedulingGates ?? []).forEach((gate, i) => {
    const at = path.child("schedulingGates").index(i);
    errors.push(...check(qualifiedName, gate.name ?? "", at));
    if (seen.has(gate.name)) errors.push(duplicate(at, gate.name));
    seen.add(gate.name);
  });
  return errors;
}

const validateOverhead = (spec: PodSpec, path: Path): FieldError[] =>
  Object.entries(spec.overhead ?? {}).flatMap(([name, value]) => [
    ...validateResourceName(name, path.key(name)),
    ...validateResourceValue(name, value, path.key(name)),
  ]);

function validateOS(spec: PodSpec, path: Path): FieldError[] {
  if (!spec.os) return [];
  if (!spec.os.name) return [required(path.child("os", "name"), "cannot be empty")];
  return ["linux", "windows"].includes(spec.os.name)
    ? []
    : [notSupported(path.child("os", "name"), spec.os.name, ["linux", "windows"])];
}

/** A template inside a workload. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: Path): FieldError[] {
  if (!template) return [required(path)];
  const errors = [
    ...validateLabels(template.metadata?.labels, path.child("labels")),
    ...Object.keys(template.metadata?.annotations ?? {}).flatMap((key) =>
      check(qualifiedName, key.toLowerCase(), path.child("annotations")),
    ),
    ...validatePodSpec(template.spec, path.child("spec")),
  ];
  if (template.spec?.ephemeralContainers?.length)
    errors.push(
      forbiddenField(
        path.child("spec", "ephemeralContainers"),
        "ephemeral containers not allowed in pod template",
      ),
    );
  return errors;
}
