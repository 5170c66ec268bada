import type { AllocatedDeviceStatus, ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";

/** Upstream's default binding time-out. */
export const bindingTimeoutMs = 600_000;

/** Whether an allocated claim's devices say that its pods may be bound: some are attached first. */
export type Readiness = "ready" | "waiting" | { readonly failed: string };

export function readinessOf({ status, metadata }: ResourceClaim): Readiness {
  let ready = true;
  for (const result of status?.allocation?.devices?.results ?? []) {
    const { bindingConditions = [], bindingFailureConditions = [] } = result;
    if (bindingConditions.length === 0) continue;
    const device = status?.devices?.find(
      (d) =>
        d.driver === result.driver &&
        d.pool === result.pool &&
        d.device === result.device &&
        d.shareID === result.shareID,
    );
    const failure = bindingFailureConditions.find((type) => holds(device, type));
    if (failure !== undefined)
      return {
        failed: `claim ${metadata.name}: device ${result.driver}/${result.pool}/${result.device}: binding failed: ${failure}`,
      };
    ready &&= bindingConditions.every((type) => holds(device, type));
  }
  return ready ? "ready" : "waiting";
}

const holds = (device: AllocatedDeviceStatus | undefined, type: string): boolean =>
  device?.conditions?.some((c) => c.type === type && c.status === "True") ?? false;

/** Its devices will not be of use: they have failed, or took too long. */
export function isLost(claim: ResourceClaim, now: number): boolean {
  const readiness = readinessOf(claim);
  if (readiness === "ready") return false;
  const since = Date.parse(claim.status?.allocation?.allocationTimestamp ?? "");
  return readiness !== "waiting" || since + bindingTimeoutMs < now;
}
