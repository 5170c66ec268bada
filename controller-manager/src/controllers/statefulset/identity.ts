import type { StatefulSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type {
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
  Volume,
} from "@coracle/shared/api/generated/core-v1.ts";
import { statefulSets } from "@coracle/shared/api/resources.ts";
import { controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { REVISION_HASH } from "../../rollout/history.ts";

/** What is the same about a StatefulSet's pod of one ordinal each time it is made: name, host name, storage. Pure. */

const POD_NAME = "statefulset.kubernetes.io/pod-name";
const POD_INDEX = "apps.kubernetes.io/pod-index";

export const startOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0;
export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** The ordinal of a pod of this set; undefined for a name of another form. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name ?? "");
  return match?.[1] === set.metadata.name ? Number(match?.[2]) : undefined;
}

export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata.name}-${podName(set, ordinal)}`;

export function claimsFor(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...structuredClone(template.metadata),
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec?.selector.matchLabels },
    },
    ...(template.spec ? { spec: structuredClone(template.spec) } : {}),
  }));
}

const identityLabels = (set: StatefulSet, ordinal: number): Record<string, string> => ({
  [POD_NAME]: podName(set, ordinal),
  [POD_INDEX]: String(ordinal),
});

function volumesFor(set: StatefulSet, ordinal: number, given: readonly Volume[]): Volume[] {
  const claims = (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name ?? "",
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal), readOnly: false },
  }));
  return [...claims, ...given.filter((v) => !claims.some((c) => c.name === v.name))];
}

export function podFor(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const { metadata, spec } = structuredClone(template);
  const volumes = volumesFor(set, ordinal, spec?.volumes ?? []);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: podName(set, ordinal),
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      labels: { ...metadata?.labels, ...identityLabels(set, ordinal), [REVISION_HASH]: revision },
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [controllerReferenceTo(statefulSets, set)],
    },
    spec: {
      containers: [],
      ...spec,
      hostname: podName(set, ordinal),
      ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  };
}

export const revisionOf = (pod: Pod): string => pod.metadata.labels?.[REVISION_HASH] ?? "";

/** The labels a pod of this ordinal lacks (made by an older controller, or edited). */
export function missingIdentity(
  set: StatefulSet,
  pod: Pod,
  ordinal: number,
): Record<string, string> | undefined {
  const wanted = identityLabels(set, ordinal);
  const same = Object.entries(wanted).every(([key, value]) => pod.metadata.labels?.[key] === value);
  return same ? undefined : wanted;
}
