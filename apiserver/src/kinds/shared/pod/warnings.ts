import type { PodSpec, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import { path, type Path } from "../../../registry/field.ts";
import { dnsLabel } from "../names.ts";
import { nodeLabelDeprecation, nodeTermWarnings } from "../node-labels.ts";
import { byteWarnings, containersWithPaths, containerWarnings } from "./warnings-container.ts";
import { volumeWarnings } from "./warnings-volume.ts";

/** What is accepted in a pod, but advised against; `at` is where its metadata and spec are. */
export function podWarnings(pod: PodTemplateSpec | undefined, at: Path): string[] {
  const spec = pod?.spec;
  if (!spec) return [];
  const where = at.child("spec");
  return [
    ...nodeWarnings(spec, where),
    ...annotationWarnings(pod.metadata?.annotations, at.child("metadata", "annotations")),
    ...volumeWarnings(spec.volumes, where.child("volumes")),
    ...repeated(
      spec.hostAliases?.map((a) => a.ip),
      "ip",
      where.child("hostAliases"),
    ),
    ...repeated(
      spec.imagePullSecrets?.map((s) => s.name),
      "name",
      where.child("imagePullSecrets"),
    ),
    ...unnamed(spec, where.child("imagePullSecrets")),
    ...byteWarnings(spec.overhead, where.child("overhead")),
    ...profileWarnings(pod, at),
    ...containerWarnings(spec, where),
    ...graceWarning(spec, where.child("terminationGracePeriodSeconds")),
    ...affinityWarnings(spec, where.child("affinity")),
  ];
}

/** Labels of nodes by their old names, and constraints that hold for no pod. */
function nodeWarnings(spec: PodSpec, at: Path): string[] {
  const warnings: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {}).toSorted()) {
    const text = nodeLabelDeprecation(key);
    if (text) warnings.push(`${at.child("nodeSelector").key(key).text}: ${text}`);
  }
  const {
    requiredDuringSchedulingIgnoredDuringExecution: required,
    preferredDuringSchedulingIgnoredDuringExecution: preferred,
  } = spec.affinity?.nodeAffinity ?? {};
  const affinity = at.child("affinity", "nodeAffinity");
  (required?.nodeSelectorTerms ?? []).forEach((term, i) => {
    const terms = affinity.child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
    warnings.push(...nodeTermWarnings(term, terms.index(i)));
  });
  (preferred ?? []).forEach(({ preference }, i) => {
    const terms = affinity.child("preferredDuringSchedulingIgnoredDuringExecution");
    warnings.push(...nodeTermWarnings(preference, terms.index(i).child("preference")));
  });
  (spec.topologySpreadConstraints ?? []).forEach(({ topologyKey: key, labelSelector }, i) => {
    const where = at.child("topologySpreadConstraints").index(i);
    const text = nodeLabelDeprecation(key);
    if (text) warnings.push(`${where.child("topologyKey").text}: ${key} is ${text}`);
    if (!labelSelector) warnings.push(matchesNothing(where));
  });
  return warnings;
}

const matchesNothing = (at: Path): string =>
  `${at.child("labelSelector").text}: a null labelSelector results in matching no pod`;

function affinityWarnings({ affinity }: PodSpec, at: Path): string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((kind) => {
    const where = at.child(kind);
    const required = affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const preferred = affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return [
      ...required.flatMap((term, i) =>
        term.labelSelector
          ? []
          : [matchesNothing(where.child("requiredDuringSchedulingIgnoredDuringExecution").index(i))],
      ),
      ...preferred.flatMap(({ podAffinityTerm: term }, i) =>
        term.labelSelector
          ? []
          : [
              matchesNothing(
                where
                  .child("preferredDuringSchedulingIgnoredDuringExecution")
                  .index(i)
                  .child("podAffinityTerm"),
              ),
            ],
      ),
    ];
  });
}

const deadAnnotations: readonly (readonly [key: string, text: string])[] = [
  [
    "scheduler.alpha.kubernetes.io/critical-pod",
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  ["security.alpha.kubernetes.io/sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'],
  [
    "security.alpha.kubernetes.io/unsafe-sysctls",
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
];

const annotationWarnings = (annotations: Record<string, string> = {}, at: Path): string[] =>
  deadAnnotations.flatMap(([key, text]) => (key in annotations ? [`${at.key(key).text}: ${text}`] : []));

/** Annotations that seccomp and AppArmor profiles once were, where no field took their place. */
function profileWarnings({ metadata, spec }: PodTemplateSpec, at: Path): string[] {
  const annotations = metadata?.annotations ?? {};
  const where = at.child("metadata", "annotations");
  const warnings: string[] = [];
  const warn = (key: string, text: string): void => {
    if (key in annotations) warnings.push(`${where.key(key).text}: ${text}`);
  };
  if (!spec || Object.keys(annotations).length === 0) return warnings;
  const noSeccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  if (!spec.securityContext?.seccompProfile) warn("seccomp.security.alpha.kubernetes.io/pod", noSeccomp);
  for (const [{ name, securityContext }] of containersWithPaths(spec, at)) {
    if (!securityContext?.seccompProfile)
      warn(`container.seccomp.security.alpha.kubernetes.io/${name}`, noSeccomp);
    if (!securityContext?.appArmorProfile && !spec.securityContext?.appArmorProfile)
      warn(
        `container.apparmor.security.beta.kubernetes.io/${name}`,
        'deprecated since v1.30; use the "appArmorProfile" field instead',
      );
  }
  return warnings;
}

function repeated(values: readonly (string | undefined)[] | undefined, key: string, at: Path): string[] {
  const seen = new Set<string>();
  return (values ?? []).flatMap((value = "", i) => {
    if (seen.has(value)) return [`${at.index(i).child(key).text}: duplicate ${key} ${JSON.stringify(value)}`];
    seen.add(value);
    return [];
  });
}

const unnamed = ({ imagePullSecrets = [] }: PodSpec, at: Path): string[] =>
  imagePullSecrets.flatMap(({ name }, i) =>
    name ? [] : [`${at.index(i).child("name").text}: invalid empty name ""`],
  );

const graceWarning = ({ terminationGracePeriodSeconds: seconds = 0 }: PodSpec, at: Path): string[] =>
  seconds < 0 ? [`${at.text}: must be >= 0; negative values are invalid and will be treated as 1`] : [];

export interface Workload {
  readonly metadata: ObjectMeta;
}

/** The advice about a workload's template, when it is new or its spec has changed. */
export const templateWarnings = (
  template: PodTemplateSpec | undefined,
  at: Path,
  object: Workload,
  old: Workload | undefined,
): string[] => (isNew(object, old) ? podWarnings(template, at) : []);

/** Just created, or with a new generation. */
export const isNew = (object: Workload, old: Workload | undefined): boolean =>
  object.metadata.generation !== old?.metadata.generation || !old;

/** Pods go by the names of their workloads, and host names have no dots. */
export function nameWarning(
  { metadata }: Workload,
  old: Workload | undefined,
  use = "Pod names and hostnames",
): string[] {
  const wrong = old ? [] : dnsLabel(metadata.name ?? "");
  if (wrong.length === 0) return [];
  return [
    `${path("metadata", "name").text}: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${wrong.join(" ")}]`,
  ];
}
