import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { jobs } from "@coracle/shared/api/resources.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { refersTo } from "../../ownership/refs.ts";
import { isTracked } from "./pods.ts";

/** Pods that carry the tracking finalizer although no Job will ever count them. */

const JOB_NAME = "batch.kubernetes.io/job-name";

/** The Job a tracked pod says it is of; without a name when it says none, which no Job's key is. */
function trackedBy(pod: Pod): string {
  const ref = controllerOf(pod);
  const name = ref ? (refersTo(ref, jobs) ? ref.name : "") : (pod.metadata.labels?.[JOB_NAME] ?? "");
  return `${pod.metadata.namespace}/${name}`;
}

export const indexTracked = (informer: Informer<Pod>): void =>
  informer.addIndex("tracked-by", (pod) => (isTracked(pod) ? [trackedBy(pod)] : []));

/** The key under which a tracked pod that no Job controls is looked at; those with a Job go by their owner. */
export function strayKeys(object: KubeObject): string[] {
  const pod = object as Pod;
  const ref = controllerOf(pod);
  return isTracked(pod) && !(ref && refersTo(ref, jobs)) ? [trackedBy(pod)] : [];
}

/** The tracked pods under this key that the Job of that name, if there is one, neither controls nor may adopt. */
export function strays(informer: Informer<Pod>, key: string, job: Job | undefined): Pod[] {
  const selector = job && selectorFromObject(job.spec?.selector);
  return informer.byIndex("tracked-by", key).filter((pod) => {
    const ref = controllerOf(pod);
    if (ref) return ref.uid !== job?.metadata.uid;
    // Nobody adopts what is on its way out.
    return pod.metadata.deletionTimestamp !== undefined || selector?.matches(pod.metadata.labels) !== true;
  });
}
