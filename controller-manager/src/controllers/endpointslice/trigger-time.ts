import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { podCondition } from "@coracle/shared/meta/pods.ts";
import { TRIGGER_TIME } from "./slices.ts";

/** When the newest change happened that these endpoints show: lets kube-proxy measure how long programming took. Pure. */
export function triggerTime(service: Service, backends: readonly Pod[]): Record<string, string> {
  const times = backends.flatMap((p) => podCondition(p, "Ready")?.lastTransitionTime ?? []);
  const newest = [...times, service.metadata.creationTimestamp ?? ""].toSorted().at(-1);
  return newest ? { [TRIGGER_TIME]: newest } : {};
}
