import type { Namespace, Pod, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { invalid } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { notSupported, path, invalidValue, type FieldError } from "../../registry/field.ts";
import {
  cached,
  objectOf,
  oldObjectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "../plugin.ts";
import type { PodToCheck } from "./check.ts";
import {
  isLevel,
  isVersion,
  levelLabel,
  levels,
  policyOf,
  versionLabel,
  violationReasons,
  violations,
} from "./levels.ts";

const workloads = new Set([
  "podtemplates",
  "replicationcontrollers",
  "deployments.apps",
  "replicasets.apps",
  "daemonsets.apps",
  "statefulsets.apps",
  "jobs.batch",
  "cronjobs.batch",
]);
const modes = ["enforce", "audit", "warn"] as const;
/** A namespace's pods are looked through when its level rises, up to so many. */
const podsLookedThrough = 3_000;

/** The Pod Security Standards, at the level that a namespace's labels ask for. */
export const podSecurity: AdmissionPlugin = {
  name: "PodSecurity",
  handles(a) {
    if (a.operation !== "CREATE" && a.operation !== "UPDATE") return false;
    if (a.kind.storage === "pods") {
      return a.operation === "CREATE" ? a.subresource === "" : a.subresource === "ephemeralcontainers";
    }
    return a.subresource === "" && (a.kind.storage === "namespaces" || workloads.has(a.kind.storage));
  },
  validate(a, ctx) {
    if (a.kind.storage === "namespaces") return checkNamespace(a, ctx);
    const labels = cached<Namespace>(ctx, "namespaces", "", a.namespace)?.metadata.labels;
    const pod = podIn(a);
    if (!labels || !pod) return;
    if (a.kind.storage === "pods") {
      const { level, version } = policyOf(labels, "enforce");
      const found = violations(level, pod);
      if (found) throw refuse(a, `violates PodSecurity "${level}:${version}": ${found}`);
    }
    const { level, version } = policyOf(labels, "warn");
    const found = violations(level, pod);
    if (found) a.warn(`would violate PodSecurity "${level}:${version}": ${found}`);
  },
};

/** The pod of a write, or the template of the pods it will lead to. */
function podIn(a: Attributes): PodToCheck | undefined {
  if (a.kind.storage === "pods") return toCheck(objectOf<Pod>(a));
  const object = objectOf<KubeObject & { template?: PodTemplateSpec; spec?: Record<string, unknown> }>(a);
  const job = object.spec?.["jobTemplate"] as { spec?: { template?: PodTemplateSpec } } | undefined;
  const template =
    object.template ?? (object.spec?.["template"] as PodTemplateSpec | undefined) ?? job?.spec?.template;
  return template && toCheck(template);
}

const toCheck = ({ metadata, spec }: Pod | PodTemplateSpec): PodToCheck | undefined =>
  spec && { spec, annotations: metadata?.annotations ?? {} };

function checkNamespace(a: Attributes, ctx: AdmissionContext): void {
  const next = objectOf<Namespace>(a);
  const labels = next.metadata.labels ?? {};
  const before = oldObjectOf<Namespace>(a)?.metadata.labels ?? {};
  const changed = modes.some(
    (m) =>
      labels[levelLabel(m)] !== before[levelLabel(m)] || labels[versionLabel(m)] !== before[versionLabel(m)],
  );
  if (!changed) return;
  const errors = labelErrors(labels);
  if (errors.length > 0) throw invalid("", "Namespace", next.metadata.name ?? "", errors);
  const policy = policyOf(labels, "enforce");
  const rises = levels.indexOf(policy.level) > levels.indexOf(policyOf(before, "enforce").level);
  if (a.operation === "UPDATE" && rises) warnOfPods(a, ctx, policy);
}

function labelErrors(labels: Readonly<Record<string, string>>): FieldError[] {
  const at = path("metadata.labels");
  return modes.flatMap((mode) => {
    const level = labels[levelLabel(mode)];
    const version = labels[versionLabel(mode)];
    return [
      ...(level !== undefined && !isLevel(level)
        ? [notSupported(at.key(levelLabel(mode)), level, levels)]
        : []),
      ...(version !== undefined && !isVersion(version)
        ? [invalidValue(at.key(versionLabel(mode)), version, 'must be "latest" or "v1.x"')]
        : []),
    ];
  });
}

/** Pods that run already are left alone; who tightens the rules is told of them. */
function warnOfPods(a: Attributes, ctx: AdmissionContext, policy: ReturnType<typeof policyOf>): void {
  const found = new Map<string, string[]>();
  const { items } = ctx.cache.list("pods", { namespace: a.name, limit: podsLookedThrough });
  for (const { object } of items) {
    const pod = toCheck(object);
    const reasons = pod && violationReasons(policy.level, pod);
    if (reasons) found.set(reasons, [...(found.get(reasons) ?? []), object.metadata.name ?? ""]);
  }
  if (found.size === 0) return;
  a.warn(
    `existing pods in namespace ${JSON.stringify(a.name)} violate the new PodSecurity enforce level "${policy.level}:${policy.version}"`,
  );
  for (const [reasons, [first = "", ...others]] of found) {
    const more =
      others.length === 0 ? "" : ` (and ${others.length} other pod${others.length === 1 ? "" : "s"})`;
    a.warn(`${first}${more}: ${reasons}`);
  }
}
