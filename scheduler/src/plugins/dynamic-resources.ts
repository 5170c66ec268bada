import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from "@coracle/shared/api/generated/resource-v1.ts";
import {
  claimNameOf,
  claimNamesOf,
  claimProblem,
  isReservedFor,
  maxConsumers,
} from "@coracle/shared/dra/pod-claims.ts";
import { nodeSelectorMatches } from "@coracle/shared/scheduling/node-affinity.ts";
import { createAllocator, type Allocated, type Allocator } from "../dra/allocate.ts";
import { wantedOf, type Wanted } from "../dra/demands.ts";
import { isLost } from "../dra/readiness.ts";
import { deviceId, gatherPools } from "../dra/pools.ts";
import { addConsumption } from "../dra/shares.ts";
import { unresolvable, type Plugin, type Unfit } from "../framework.ts";
import type { PodInfo } from "../pod-info.ts";

const name = "DynamicResources";

/** What the plugin reads and writes. */
export interface DeviceAccess {
  claim(namespace: string, name: string): ResourceClaim | undefined;
  claims(): Iterable<ResourceClaim>;
  slices(): Iterable<ResourceSlice>;
  deviceClass(name: string): DeviceClass | undefined;
  /** Writes the allocation, if it is given, and the pod's reservation. @returns the claim as it is then. @throws Error */
  bindClaim(
    claim: ResourceClaim,
    allocation: AllocationResult | undefined,
    pod: Pod,
    signal: AbortSignal,
  ): Promise<ResourceClaim>;
  /** Resolves when the claim's devices allow the binding. @throws Error when one fails, or after the time-out */
  waitUntilReady(claim: ResourceClaim, signal: AbortSignal): Promise<void>;
  /** Gives the claim's devices back, so that it can be allocated anew. */
  deallocate(claim: ResourceClaim, signal: AbortSignal): Promise<void>;
  /** Takes the pod's reservation back. */
  releaseClaim(claim: ResourceClaim, pod: Pod): void;
}

interface State {
  readonly claims: readonly ResourceClaim[];
  readonly wanted: readonly Wanted[];
  readonly allocator: Allocator | undefined;
  /** node → what each wanted claim would get there */
  readonly decisions: Map<string, readonly AllocationResult[]>;
  /** Claims whose devices some node cannot use. */
  readonly elsewhere: Set<ResourceClaim>;
}

interface Pending {
  readonly claim: ResourceClaim;
  readonly allocation: AllocationResult;
  /** The revision at which it was written. */
  written?: number;
}

/** Devices for the claims of pods (structured parameters, KEP-4381). */
export function createDynamicResources(access: DeviceAccess): Plugin {
  /** Claim uid → what it is being given: the cache does not tell yet. */
  const pending = new Map<string, Pending>();

  /** What is somebody's, now or in a moment. Administrators' access takes nothing. */
  const allocated = (): Allocated => {
    const taken = new Set<string>();
    const shared = new Map<string, Map<string, bigint>>();
    const add = (allocation: AllocationResult | undefined): void => {
      for (const result of allocation?.devices?.results ?? []) {
        if (result.adminAccess) continue;
        if (result.shareID) addConsumption(shared, deviceId(result), result.consumedCapacity);
        else taken.add(deviceId(result));
      }
    };
    for (const claim of access.claims()) add(claim.status?.allocation);
    for (const { allocation } of pending.values()) add(allocation);
    return { taken, shared };
  };
  /** Forgets what the cache tells by now. */
  const settle = (): void => {
    for (const [uid, { claim, written }] of pending) {
      const current = access.claim(claim.metadata.namespace ?? "", claim.metadata.name ?? "");
      // It may have been given back since: what counts is that the cache has seen the write.
      const seen = written !== undefined && Number(current?.metadata.resourceVersion) >= written;
      if (current?.metadata.uid !== uid || current.status?.allocation || seen) pending.delete(uid);
    }
  };

  return {
    name,
    preFilter({ pod, namespace }, _cluster, state) {
      if (!pod.spec?.resourceClaims?.length) return undefined;
      settle();
      const claims = claimsOf(pod, namespace, access);
      if ("reasons" in claims) return claims;
      const unallocated = claims.filter((claim) => !claim.status?.allocation);
      const awaited = unallocated.find((claim) => pending.has(claim.metadata.uid ?? ""));
      if (awaited)
        return unresolvable(
          `resource claim ${namespace}/${awaited.metadata.name} is in the process of being allocated`,
        );
      try {
        const wanted = unallocated.map((claim) =>
          wantedOf(claim, (className) => access.deviceClass(className)),
        );
        const allocator =
          wanted.length > 0 ? createAllocator(gatherPools(access.slices()), allocated()) : undefined;
        state.set(name, {
          claims,
          wanted,
          allocator,
          decisions: new Map(),
          elsewhere: new Set(),
        } satisfies State);
        return undefined;
      } catch (error) {
        return unresolvable((error as Error).message);
      }
    },
    filter(_pod, { name: nodeName, node }, state) {
      const found = state.get<State>(name);
      if (!found || !node) return undefined;
      const elsewhere = found.claims.filter(
        (claim) =>
          !nodeSelectorMatches(claim.status?.allocation?.nodeSelector, node) || isLost(claim, Date.now()),
      );
      for (const claim of elsewhere) found.elsewhere.add(claim);
      if (elsewhere.length > 0) return unresolvable("resourceclaim not available on the node");
      if (!found.allocator) return undefined;
      try {
        const allocations = found.allocator.allocate(found.wanted, node);
        if (!allocations) return unresolvable("cannot allocate all claims");
        found.decisions.set(nodeName, allocations);
        return undefined;
      } catch (error) {
        return unresolvable((error as Error).message);
      }
    },
    async postFilter({ pod }, state, signal) {
      // Devices that nobody else uses may be had where the pod can go.
      const free = [...(state.get<State>(name)?.elsewhere ?? [])].find(({ status }) =>
        (status?.reservedFor ?? []).every(({ uid }) => uid === pod.metadata.uid),
      );
      if (free) await access.deallocate(free, signal);
    },
    reserve(_pod, node, state) {
      const found = state.get<State>(name);
      found?.wanted.forEach(({ claim }, i) => {
        const allocation = found.decisions.get(node.name)?.[i];
        if (allocation) pending.set(claim.metadata.uid ?? "", { claim, allocation });
      });
      return undefined;
    },
    unreserve({ pod }, _node, state) {
      const found = state.get<State>(name);
      // What was written holds, whatever became of the pod: the cache will tell.
      for (const {
        claim: { metadata },
      } of found?.wanted ?? [])
        if (pending.get(metadata.uid ?? "")?.written === undefined) pending.delete(metadata.uid ?? "");
      for (const claim of found?.claims ?? []) access.releaseClaim(claim, pod);
    },
    async preBind({ pod }, node, state, signal) {
      const found = state.get<State>(name);
      const attached: ResourceClaim[] = [];
      for (const claim of found?.claims ?? []) {
        const at = found?.wanted.findIndex((w) => w.claim === claim) ?? -1;
        const allocation = at < 0 ? undefined : found?.decisions.get(node.name)?.[at];
        if (waitsForDevices(allocation ?? claim.status?.allocation)) attached.push(claim);
        if (!allocation && isReservedFor(claim, pod)) continue;
        const bound = await access.bindClaim(claim, allocation, pod, signal);
        const entry = pending.get(claim.metadata.uid ?? "");
        if (entry) entry.written = Number(bound.metadata.resourceVersion);
      }
      for (const claim of attached) await access.waitUntilReady(claim, signal);
    },
    helps: (event, pod) =>
      (event.kind === "device" && (!event.claim || uses(pod, event.claim))) ||
      // It may have been about to get devices, and have failed to.
      (event.kind === "pod-deleted" && (event.pod.pod.spec?.resourceClaims?.length ?? 0) > 0) ||
      event.kind === "node-added" ||
      (event.kind === "node-changed" && event.changed.has("labels")),
  };
}

const uses = ({ pod, namespace }: PodInfo, claim: { namespace: string; name: string }): boolean =>
  namespace === claim.namespace && claimNamesOf(pod).includes(claim.name);

const waitsForDevices = (allocation: AllocationResult | undefined): boolean =>
  allocation?.devices?.results?.some((result) => result.bindingConditions?.length) ?? false;

/** The pod's claims, if each of them is there and may be used. Until then there is nothing to try, and nothing is told. */
function claimsOf(pod: Pod, namespace: string, access: DeviceAccess): ResourceClaim[] | Unfit {
  const claims: ResourceClaim[] = [];
  for (const reference of pod.spec?.resourceClaims ?? []) {
    const claimName = claimNameOf(pod, reference);
    if (claimName === null) continue;
    if (claimName === undefined)
      return early(`pod "${namespace}/${pod.metadata.name}": ResourceClaim not created yet`);
    const claim = access.claim(namespace, claimName);
    if (!claim) return early(`resourceclaim "${claimName}" not found`);
    if (claim.metadata.deletionTimestamp) return early(`resourceclaim "${claimName}" is being deleted`);
    const problem = claimProblem(pod, reference, claim);
    if (problem) return early(problem);
    // Two of the pod's references may mean one claim.
    if (!claims.includes(claim)) claims.push(claim);
  }
  const isFull = (claim: ResourceClaim): boolean =>
    (claim.status?.reservedFor?.length ?? 0) >= maxConsumers && !isReservedFor(claim, pod);
  return claims.some(isFull) ? unresolvable("resourceclaim in use") : claims;
}

const early = (why: string): Unfit => ({ ...unresolvable(why), early: true });
