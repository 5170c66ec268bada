import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { AllocationResult, ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { deviceClasses, resourceClaims, resourceSlices } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { claimFinalizer, consumerOf, isReservedFor } from "@coracle/shared/dra/pod-claims.ts";
import { isConflict } from "@coracle/shared/errors.ts";
import type { Informer, InformerFactory } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { bindingTimeoutMs, readinessOf } from "./dra/readiness.ts";
import type { DeviceAccess } from "./plugins/dynamic-resources.ts";

/** Writers of one claim get in each other's way: pods that share it, the controller. */
const attempts = 5;

/** Claims, slices and classes from informers; `onChange` hears of any change that may help a waiting pod. */
export function createDeviceAccess(
  client: Client,
  informers: InformerFactory,
  log: Logger,
  onChange: (claim?: { readonly namespace: string; readonly name: string }) => void,
): DeviceAccess {
  const claims = informers.for(resourceClaims);
  const slices = informers.for(resourceSlices);
  const classes = informers.for(deviceClasses);
  /** Claims that hold devices, as far as we were told: their end frees these, whatever the last news of them says. */
  const holding = new Set<string>();
  const told = ({ metadata, status }: ResourceClaim, gone = false): void => {
    const { namespace = "", name = "", uid = "" } = metadata;
    const held = holding.has(uid);
    if (status?.allocation && !gone) holding.add(uid);
    else holding.delete(uid);
    onChange(held && !holding.has(uid) ? undefined : { namespace, name });
  };
  claims.on({
    add: (claim) => told(claim),
    update: (claim) => told(claim),
    delete: (claim) => told(claim, true),
  });
  const more = { add: () => onChange(), update: () => onChange() };
  slices.on(more);
  classes.on(more);

  const place = ({ metadata }: ResourceClaim) => ({
    namespace: metadata.namespace,
    name: metadata.name ?? "",
  });

  return {
    claim: (namespace, name) => claims.get(`${namespace}/${name}`),
    claims: () => claims.list(),
    slices: () => slices.list(),
    deviceClass: (name) => classes.get(name),
    async bindClaim(claim, allocation, pod, signal) {
      let current = claim;
      for (let attempt = 1; ; attempt++) {
        try {
          return await bindOnce(client, current, { uid: claim.metadata.uid, allocation, pod, signal });
        } catch (error) {
          // Not as the API's conflict: that would mean that the pod is somebody else's.
          if (!isConflict(error) || attempt >= attempts)
            throw new Error(`claim ${place(claim).name}: ${(error as Error).message}`, { cause: error });
          current = await client.get(resourceClaims, place(claim), { signal });
        }
      }
    },
    waitUntilReady: (claim, signal) => waitUntilReady(claims, claim, signal),
    async deallocate(claim, signal) {
      await client.update(resourceClaims, { ...claim, status: {} }, { subresource: "status", signal });
    },
    releaseClaim(claim, pod) {
      const body = {
        metadata: { uid: claim.metadata.uid },
        status: { reservedFor: [{ $patch: "delete", uid: pod.metadata.uid }] },
      };
      client
        .patch(resourceClaims, place(claim), { type: "strategic", body }, { subresource: "status" })
        .catch((error: unknown) =>
          log.warn({ claim: claim.metadata.name, err: error }, "reservation not taken back"),
        );
    },
  };
}

interface Binding {
  readonly uid: string | undefined;
  readonly allocation: AllocationResult | undefined;
  readonly pod: Pod;
  readonly signal: AbortSignal;
}

/** First the finalizer, so that a claim with devices never just goes; then devices and reservation in one. */
async function bindOnce(client: Client, claim: ResourceClaim, binding: Binding): Promise<ResourceClaim> {
  const { uid, allocation, pod, signal } = binding;
  let current = claim;
  if (current.metadata.uid !== uid || current.metadata.deletionTimestamp)
    throw new Error("got deleted in the meantime");
  if (allocation && current.status?.allocation) throw new Error("got allocated elsewhere in the meantime");
  if (!allocation && !current.status?.allocation)
    throw new Error("got deallocated elsewhere in the meantime");
  const finalizers = current.metadata.finalizers ?? [];
  if (allocation && !finalizers.includes(claimFinalizer)) {
    const metadata = { ...current.metadata, finalizers: [...finalizers, claimFinalizer] };
    current = await client.update(resourceClaims, { ...current, metadata }, { signal });
  }
  if (!allocation && isReservedFor(current, pod)) return current;
  const allocationTimestamp = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const status = {
    ...current.status,
    ...(allocation ? { allocation: { ...allocation, allocationTimestamp } } : {}),
    reservedFor: [...(current.status?.reservedFor ?? []), consumerOf(pod)],
  };
  return client.update(resourceClaims, { ...current, status }, { subresource: "status", signal });
}

/** The cache may be behind what was just written: only an allocated claim says anything. */
function waitUntilReady(
  claims: Informer<ResourceClaim>,
  claim: ResourceClaim,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = claim.metadata;
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      stop();
      signal.removeEventListener("abort", aborted);
      if (error) reject(error);
      else resolve();
    };
    const check = (): void => {
      const current = claims.get(`${namespace}/${name}`);
      if (current?.metadata.uid !== uid) return finish(new Error(`claim ${name} is gone`));
      if (!current?.status?.allocation) return;
      const readiness = readinessOf(current);
      if (readiness === "ready") finish();
      else if (readiness !== "waiting") finish(new Error(readiness.failed));
    };
    const aborted = (): void => finish(new Error("stopped while waiting for devices"));
    const timer = setTimeout(
      () => finish(new Error(`claim ${name}: device binding timeout`)),
      bindingTimeoutMs,
    );
    const stop = claims.on({ update: check, delete: check });
    signal.addEventListener("abort", aborted);
    check();
  });
}
