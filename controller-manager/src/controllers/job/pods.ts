import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";

/** A Job's pods: their index, how they ended, and what a new one looks like. Pure. */

export const FINALIZER = "batch.kubernetes.io/job-tracking";
export const INDEX = "batch.kubernetes.io/job-completion-index";
const FAILURES = "batch.kubernetes.io/job-index-failure-count";
const IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count";

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === "Indexed";
export const replacesFailedOnly = (job: Job): boolean => job.spec?.podReplacementPolicy === "Failed";
export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(FINALIZER) ?? false;

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[INDEX];
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 ? value : undefined;
}

export const hasSucceeded = (pod: Pod): boolean => pod.status?.phase === "Succeeded";

/** Deleted pods count as failed at once, unless only really failed ones are to be replaced. */
export const hasFailed = (job: Job, pod: Pod): boolean =>
  pod.status?.phase === "Failed" ||
  (!replacesFailedOnly(job) && pod.metadata.deletionTimestamp !== undefined && !hasSucceeded(pod));

/** When the last container of a pod ended. */
export function finishedAt(pod: Pod): number | undefined {
  const times = (pod.status?.containerStatuses ?? []).flatMap((s) => s.state?.terminated?.finishedAt ?? []);
  const last =
    times.toSorted().at(-1) ??
    pod.status?.conditions?.find((c) => c.type === "Ready")?.lastTransitionTime ??
    pod.metadata.deletionTimestamp;
  return last === undefined ? undefined : Date.parse(last);
}

/** Failures of the index up to and with this pod. */
export const failuresUpTo = (pod: Pod): number => Number(pod.metadata.annotations?.[FAILURES] ?? 0) + 1;

export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

export const failuresOf = (last: Pod | undefined, ignored: boolean): IndexFailures => ({
  counted: Number(last?.metadata.annotations?.[FAILURES] ?? 0) + (last && !ignored ? 1 : 0),
  ignored: Number(last?.metadata.annotations?.[IGNORED] ?? 0) + (last && ignored ? 1 : 0),
});

/** The template of a pod of the Job, for an index when it is an Indexed Job. */
export function templateFor(job: Job, index: number | undefined, failures?: IndexFailures): PodTemplateSpec {
  const { metadata, spec } = structuredClone(job.spec?.template) ?? {};
  const finalizers = [...(metadata?.finalizers ?? []).filter((f) => f !== FINALIZER), FINALIZER];
  if (index === undefined) return { metadata: { ...metadata, finalizers }, spec: spec ?? { containers: [] } };
  const annotations: Record<string, string> = { ...metadata?.annotations, [INDEX]: String(index) };
  if (failures) {
    annotations[FAILURES] = String(failures.counted);
    if (failures.ignored > 0) annotations[IGNORED] = String(failures.ignored);
  }
  const labels = { ...metadata?.labels, [INDEX]: String(index) };
  const addIndex = <C extends { env?: { name: string }[] | undefined }>(container: C): C =>
    container.env?.some((e) => e.name === "JOB_COMPLETION_INDEX")
      ? container
      : {
          ...container,
          env: [
            ...(container.env ?? []),
            {
              name: "JOB_COMPLETION_INDEX",
              valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: `metadata.labels['${INDEX}']` } },
            },
          ],
        };
  return {
    metadata: { ...metadata, labels, annotations, finalizers },
    spec: {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: (spec?.containers ?? []).map(addIndex),
      ...(spec?.initContainers ? { initContainers: spec.initContainers.map(addIndex) } : {}),
    },
  };
}

/** Which active pods go first when there are too many: those of indexes that are not wanted, then by progress. */
export function choosePodsToRemove(job: Job, active: readonly Pod[], count: number): Pod[] {
  const progress = (p: Pod): number =>
    p.spec?.nodeName
      ? p.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True")
        ? 2
        : 1
      : 0;
  const byProgress = active.toSorted((a, b) => progress(a) - progress(b));
  if (!isIndexed(job)) return byProgress.slice(0, count);
  const completions = job.spec?.completions ?? 0;
  const kept = new Map<number, Pod>();
  const surplus: Pod[] = [];
  // The furthest pod of an index stays; doubles and indexes out of range go.
  for (const pod of byProgress.toReversed()) {
    const index = indexOf(pod);
    if (index === undefined || index >= completions || kept.has(index)) surplus.push(pod);
    else kept.set(index, pod);
  }
  const more = [...kept.entries()]
    .toSorted(([a], [b]) => b - a)
    .map(([, pod]) => pod)
    .slice(0, Math.max(0, count - surplus.length));
  return [...surplus, ...more];
}
