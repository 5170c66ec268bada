/** The sentences of an eviction, as upstream writes them: people and tools look for them. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { formatQuantity, parseQuantity, quantityOf, quantityValue } from "@coracle/shared/meta/quantity.ts";
import { amountOf, printAmount, starvedBy, type Observation, type Threshold } from "./signals.ts";
import type { ContainerUse, PodUse } from "./usage.ts";

const specContainers = (pod: Pod) => [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];

/** Why the pod is evicted: what the node is short of, and which of its containers use more than they asked for. */
export function evictionMessage(threshold: Threshold, observation: Observation, use: PodUse): string {
  const starved = starvedBy(threshold.signal);
  let message = `The node was low on resource: ${starved}. `;
  const level = observation.get(threshold.signal);
  if (level) {
    const least = printAmount(threshold.signal, amountOf(threshold.value, level.capacity));
    message += `Threshold quantity: ${least}, available: ${printAmount(threshold.signal, level.available)}. `;
  }
  for (const container of use.containers) {
    const used = usedBy(container, starved);
    const spec = specContainers(use.pod).find((c) => c.name === container.name);
    if (used === undefined || !spec) continue;
    const request = parseQuantity(spec.resources?.requests?.[starved] ?? "0");
    if (used <= quantityValue(request)) continue;
    const text = formatQuantity(quantityOf(used, "BinarySI"));
    message += `Container ${spec.name} was using ${text}, request is ${formatQuantity(request)}, has larger consumption of ${starved}. `;
  }
  return message;
}

const usedBy = (container: ContainerUse, starved: string): number | undefined =>
  starved === "memory"
    ? container.memoryBytes
    : starved === "ephemeral-storage"
      ? container.diskBytes
      : undefined;
