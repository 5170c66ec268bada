import type { DaemonSet } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Node, Pod, PodTemplateSpec, Toleration } from "@coracle/shared/api/generated/core-v1.ts";
import { podAllowsNode } from "@coracle/shared/scheduling/node-affinity.ts";
import { untoleratedTaint } from "@coracle/shared/scheduling/taints.ts";
import { REVISION_HASH } from "../../rollout/history.ts";

/** Where a DaemonSet's pods belong and what they look like. Pure. */

const exists = (key: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${key}`,
  operator: "Exists",
  effect,
});

/** Daemons stay on nodes in trouble and come up on nodes that are not ready for others yet. */
const TOLERATIONS: readonly Toleration[] = [
  exists("not-ready", "NoExecute"),
  exists("unreachable", "NoExecute"),
  exists("disk-pressure", "NoSchedule"),
  exists("memory-pressure", "NoSchedule"),
  exists("pid-pressure", "NoSchedule"),
  exists("unschedulable", "NoSchedule"),
];

function tolerationsOf(template: PodTemplateSpec | undefined): Toleration[] {
  const given = template?.spec?.tolerations ?? [];
  const added = template?.spec?.hostNetwork
    ? [...TOLERATIONS, exists("network-unavailable", "NoSchedule")]
    : TOLERATIONS;
  const same = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key &&
    a.effect === b.effect &&
    (a.operator ?? "") === (b.operator ?? "") &&
    !a.value &&
    !b.value;
  return [
    ...given,
    ...added.filter((t) => !given.some((g) => same(g, t) && g.tolerationSeconds === undefined)),
  ];
}

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

/** The template of the pod for one node: pinned to it by node affinity, so that the scheduler still checks that it fits. */
export function templateFor(ds: DaemonSet, node: string, hash: string): PodTemplateSpec {
  const template = ds.spec?.template;
  const generation = ds.metadata.annotations?.[TEMPLATE_GENERATION];
  const affinity = template?.spec?.affinity;
  return {
    metadata: {
      ...template?.metadata,
      labels: {
        ...template?.metadata?.labels,
        [REVISION_HASH]: hash,
        ...(generation === undefined ? {} : { "pod-template-generation": generation }),
      },
    },
    spec: {
      containers: [],
      ...template?.spec,
      tolerations: tolerationsOf(template),
      affinity: {
        ...affinity,
        nodeAffinity: {
          ...affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }],
          },
        },
      },
    },
  };
}

/** The node a daemon pod runs on or was made for. */
export function targetNode(pod: Pod): string {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const field = terms
    .flatMap((t) => t.matchFields ?? [])
    .find((f) => f.key === "metadata.name" && f.operator === "In" && f.values?.length === 1);
  return field?.values?.[0] ?? "";
}

export interface Placement {
  /** A pod belongs here. */
  readonly run: boolean;
  /** A pod that is already here may stay. */
  readonly stay: boolean;
}

export function placementOn(ds: DaemonSet, node: Node): Placement {
  const template = ds.spec?.template;
  const name = node.metadata.name ?? "";
  const wanted = template?.spec?.nodeName;
  const probe: Pod = { metadata: {}, spec: { containers: [], ...template?.spec } };
  if ((wanted && wanted !== name) || !podAllowsNode(probe, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(template);
  const taints = node.spec?.taints;
  if (!untoleratedTaint(taints, tolerations, ["NoSchedule", "NoExecute"])) return { run: true, stay: true };
  return { run: false, stay: !untoleratedTaint(taints, tolerations, ["NoExecute"]) };
}
