import {
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
} from "@coracle/shared/api/resources.ts";
import type { InformerFactory } from "@coracle/shared/informer/informer.ts";
import {
  selectorFromMap,
  selectorFromObject,
  selectorOf,
  type Selector,
} from "@coracle/shared/meta/labels.ts";
import type { DefaultSelector } from "./plugins/pod-topology-spread.ts";
import type { PodInfo } from "./pod-info.ts";

/** The selector that the default spreading counts by: that of the Services a pod is in and of the controller that owns it. */
export function createDefaultSelector(informers: InformerFactory): DefaultSelector {
  const sets = informers.for(replicaSets);
  const stateful = informers.for(statefulSets);
  const controllers = informers.for(replicationControllers);
  const serviceCache = informers.for(services);
  serviceCache.addIndex("namespace", (s) => [s.metadata.namespace ?? ""]);

  const ofOwner = (pod: PodInfo): Selector | undefined => {
    const owner = pod.pod.metadata.ownerReferences?.find((o) => o.controller);
    const key = `${pod.namespace}/${owner?.name}`;
    if (owner?.kind === "ReplicaSet") return selectorFromObject(sets.get(key)?.spec?.selector);
    if (owner?.kind === "StatefulSet") return selectorFromObject(stateful.get(key)?.spec?.selector);
    if (owner?.kind === "ReplicationController") return selectorFromMap(controllers.get(key)?.spec?.selector);
    return undefined;
  };

  return (pod) => {
    const requirements = [...(ofOwner(pod)?.requirements ?? [])];
    for (const service of serviceCache.byIndex("namespace", pod.namespace)) {
      const selector = selectorFromMap(service.spec?.selector);
      if (!selector.isEverything && selector.matches(pod.labels)) requirements.push(...selector.requirements);
    }
    return requirements.length > 0 ? selectorOf(requirements) : undefined;
  };
}
