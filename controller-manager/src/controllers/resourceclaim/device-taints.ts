import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  DeviceRequestAllocationResult,
  DeviceTaint,
  ResourceClaim,
  ResourceSlice,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { pods, resourceClaims, resourceSlices } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { claimNamesOf } from "@coracle/shared/dra/pod-claims.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import { semanticEqual } from "../../canonical.ts";
import { markDisrupted } from "../../pods/disrupt.ts";
import { evictionTime } from "../taint-eviction.ts";

const poolIndex = "pool";
const poolOf = ({ driver, pool }: { readonly driver: string; readonly pool: string }): string =>
  `${driver}/${pool}`;
const poolOfSlice = ({ spec }: ResourceSlice): string =>
  poolOf({ driver: spec.driver, pool: spec.pool.name });

const resultsOf = ({ status }: ResourceClaim): readonly DeviceRequestAllocationResult[] =>
  status?.allocation?.devices?.results ?? [];

const podKeysOf = (claim: ResourceClaim): string[] =>
  (claim.status?.reservedFor ?? []).map(({ name }) => `${claim.metadata.namespace}/${name}`);

/** Deletes pods whose devices their drivers have tainted with NoExecute, when the requests' tolerations run out. */
export const deviceTaintController = (): Controller =>
  defineController({
    name: "device-taint-eviction",
    for: pods,
    concerns: (pod, old) => !semanticEqual(placeOf(pod), placeOf(old)),
    watches: [
      { resource: resourceClaims, keys: (claim) => podKeysOf(claim as unknown as ResourceClaim) },
      {
        resource: resourceSlices,
        keys(object, old, ctx) {
          const [slice, before] = [object, old] as unknown as [ResourceSlice, ResourceSlice | undefined];
          if (!drivesOff(slice) && !(before && drivesOff(before))) return [];
          return ctx.informers.for(resourceClaims).byIndex(poolIndex, poolOfSlice(slice)).flatMap(podKeysOf);
        },
      },
    ],
    setup(ctx) {
      ctx.informers
        .for(resourceClaims)
        .addIndex(poolIndex, (claim) => [...new Set(resultsOf(claim).map(poolOf))]);
      ctx.informers.for(resourceSlices).addIndex(poolIndex, (slice) => [poolOfSlice(slice)]);
    },
    async reconcile(key, ctx): Promise<Result> {
      const pod = ctx.informers.for(pods).get(key);
      if (!pod?.spec?.nodeName || pod.metadata.deletionTimestamp !== undefined || isTerminal(pod)) return;
      const claims = claimNamesOf(pod).flatMap(
        (name) => ctx.informers.for(resourceClaims).get(`${pod.metadata.namespace}/${name}`) ?? [],
      );
      const now = ctx.clock.now();
      const times = claims.flatMap(resultsOf).flatMap((result) => {
        const taints = taintsOf(ctx.informers.for(resourceSlices), result);
        return evictionTime(taints, result.tolerations ?? [], { first: now, arrived: 0 }) ?? [];
      });
      if (times.length === 0) return;
      const left = Math.min(...times) - now;
      if (left > 0) return { requeueAfterMs: left };
      await evict(ctx, pod);
    },
  });

const placeOf = ({ spec, status }: Pod) => [spec?.nodeName, status?.resourceClaimStatuses];

const isNoExecute = ({ effect }: DeviceTaint): boolean => effect === "NoExecute";
const drivesOff = ({ spec }: ResourceSlice): boolean =>
  spec.devices?.some((device) => device.taints?.some(isNoExecute)) ?? false;

/** Of the pool's newest generation. */
function taintsOf(slices: Informer<ResourceSlice>, result: DeviceRequestAllocationResult): DeviceTaint[] {
  const pool = slices.byIndex(poolIndex, poolOf(result));
  const newest = Math.max(...pool.map(({ spec }) => spec.pool.generation));
  return pool
    .filter(({ spec }) => spec.pool.generation === newest)
    .flatMap(({ spec }) => spec.devices?.find(({ name }) => name === result.device)?.taints ?? [])
    .filter(isNoExecute);
}

async function evict(ctx: ControllerContext, pod: Pod): Promise<void> {
  const { name = "", namespace, uid } = pod.metadata;
  ctx.events.record(pod, "Normal", "DeviceTaintManagerEviction", "Marking for deletion");
  await markDisrupted(ctx, pod, {
    reason: "DeletionByDeviceTaintManager",
    message: "Device Taint manager: deleting due to NoExecute taint",
  });
  await ctx.client
    .delete(pods, { name, namespace }, { signal: ctx.signal, preconditions: { uid } })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}
