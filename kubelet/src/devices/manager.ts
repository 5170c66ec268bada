/** The devices of a node's pods: made ready by their drivers before a pod starts, and given back after its end. */
import type { Container, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { resourceClaims } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { claimNameOf, claimNamesOf, claimProblem, isReservedFor } from "@coracle/shared/dra/pod-claims.ts";
import type { ClaimDevice, ClaimRecord, ClaimRecords } from "./claims.ts";
import {
  claims as claimsMessage,
  decode,
  encode,
  prepared as preparedMessage,
  unprepared as unpreparedMessage,
  type MessageType,
  type PreparedClaims,
  type UnpreparedClaims,
} from "./messages.ts";
import type { Plugins } from "./plugins.ts";

export interface DeviceManager {
  /** @throws Error while something is not ready: a claim, its reservation, its driver */
  prepare(pod: Pod, signal: AbortSignal): Promise<void>;
  /** The pod uses nothing any more. Also for pods of which only the uid is known. @throws Error */
  unprepare(podUid: string): Promise<void>;
  /** Whether a driver is still to be told that the pod uses its devices no more. */
  holds(podUid: string): boolean;
  /** Pods that are known to use devices. */
  users(): ReadonlySet<string>;
  /** CDI names of what a container may use. */
  cdiIds(pod: Pod, container: Container): string[];
}

/** Upstream's. */
const timeoutMs = 45_000;

export interface DeviceManagerOptions {
  readonly client: Client;
  readonly records: ClaimRecords;
  readonly plugins: Pick<Plugins, "of">;
}

export function createDeviceManager({ client, records, plugins }: DeviceManagerOptions): DeviceManager {
  const locks = createLocks();

  async function ask<T extends { claims: Readonly<Record<string, { error: string }>> }>(
    driver: string,
    method: string,
    answer: MessageType,
    claims: readonly ClaimRecord[],
  ): Promise<T["claims"]> {
    const plugin = plugins.of(driver);
    if (!plugin) throw new Error(`DRA driver ${driver} is not registered`);
    const request = encode(claimsMessage, {
      claims: claims.map(({ namespace, uid, name }) => ({ namespace, uid, name })),
    });
    const bytes = await plugin.call(method, request, timeoutMs).catch((error: Error) => {
      throw new Error(`${method} failed: ${error.message}`, { cause: error });
    });
    const { claims: answers } = decode<T>(answer, bytes);
    for (const { uid, name } of claims)
      if (answers[uid]?.error)
        throw new Error(`${method} failed for ResourceClaim ${name}: ${answers[uid].error}`);
    const skipped = claims.filter(({ uid }) => answers[uid] === undefined).length;
    if (skipped > 0) throw new Error(`${method} skipped ${skipped} ResourceClaims`);
    return answers;
  }

  /** Notes that the pod uses the claim, before any driver is asked. */
  async function enlist(pod: Pod, name: string, signal: AbortSignal): Promise<ClaimRecord> {
    const { namespace = "", uid = "" } = pod.metadata;
    const before = records.get(namespace, name);
    if (before?.prepared && before.pods.includes(uid)) return before;
    const claim = await client.get(resourceClaims, { namespace, name }, { signal });
    check(pod, claim, before);
    const drivers = (claim.status?.allocation?.devices?.results ?? []).map(
      ({ driver }) => [driver, []] as const,
    );
    const record: ClaimRecord = before ?? {
      uid: claim.metadata.uid ?? "",
      namespace,
      name,
      pods: [],
      drivers: Object.fromEntries(drivers),
      asked: [],
      prepared: false,
    };
    if (record.pods.includes(uid)) return record;
    const enlisted = { ...record, pods: [...record.pods, uid] };
    await records.put(enlisted);
    return enlisted;
  }

  /** Each driver hears of all of the pod's claims in one request. */
  async function prepareAll(wanted: readonly ClaimRecord[]): Promise<void> {
    const open = wanted.filter((record) => !record.prepared);
    const ready = new Map<ClaimRecord, Record<string, readonly ClaimDevice[]>>(open.map((r) => [r, {}]));
    for (const driver of new Set(open.flatMap((r) => Object.keys(r.drivers)))) {
      const concerned = open.filter((r) => r.drivers[driver] !== undefined);
      await noteAsked(driver, concerned);
      const answers = await ask<PreparedClaims>(driver, "NodePrepareResources", preparedMessage, concerned);
      for (const record of concerned)
        Object.assign(ready.get(record) ?? {}, {
          [driver]: (answers[record.uid]?.devices ?? []).map(({ requestNames, cdiDeviceIds }) => ({
            requests: requestNames,
            cdi: cdiDeviceIds,
          })),
        });
    }
    for (const [record, drivers] of ready)
      await records.put({ ...record, drivers, asked: Object.keys(drivers), prepared: true });
  }

  /** Before it is asked: it may do what we do not live to hear of. */
  async function noteAsked(driver: string, concerned: readonly ClaimRecord[]): Promise<void> {
    if (!plugins.of(driver)) throw new Error(`DRA driver ${driver} is not registered`);
    for (const { namespace, name } of concerned) {
      const record = records.get(namespace, name);
      if (record && !record.asked.includes(driver))
        await records.put({ ...record, asked: [...record.asked, driver] });
    }
  }

  async function release(record: ClaimRecord, podUid: string): Promise<void> {
    const pods = record.pods.filter((uid) => uid !== podUid);
    if (pods.length > 0) return records.put({ ...record, pods });
    for (const driver of record.asked)
      await ask<UnpreparedClaims>(driver, "NodeUnprepareResources", unpreparedMessage, [record]);
    await records.delete(record);
  }

  return {
    async prepare(pod, signal) {
      const { namespace = "" } = pod.metadata;
      for (const reference of pod.spec?.resourceClaims ?? [])
        if (claimNameOf(pod, reference) === undefined)
          throw new Error(`pod claim ${reference.name}: ResourceClaim not created yet`);
      const names = [...new Set(claimNamesOf(pod))];
      await locks.hold(
        names.map((name) => `${namespace}/${name}`),
        async () => {
          const wanted: ClaimRecord[] = [];
          for (const name of names) wanted.push(await enlist(pod, name, signal));
          await prepareAll(wanted);
        },
      );
    },
    async unprepare(podUid) {
      for (const { namespace, name, pods } of records.all()) {
        if (!pods.includes(podUid)) continue;
        await locks.hold([`${namespace}/${name}`], async () => {
          const record = records.get(namespace, name);
          if (record?.pods.includes(podUid)) await release(record, podUid);
        });
      }
    },
    holds(podUid) {
      for (const { pods, asked } of records.all()) if (asked.length > 0 && pods.includes(podUid)) return true;
      return false;
    },
    users: () => new Set([...records.all()].flatMap(({ pods }) => pods)),
    cdiIds(pod, container) {
      const ids = (container.resources?.claims ?? []).flatMap(({ name, request }) => {
        const reference = pod.spec?.resourceClaims?.find((c) => c.name === name);
        const claimName = reference && claimNameOf(pod, reference);
        const record = claimName ? records.get(pod.metadata.namespace ?? "", claimName) : undefined;
        return Object.values(record?.drivers ?? {}).flatMap((devices) =>
          devices.filter((device) => !request || isFor(device, request)).flatMap((device) => device.cdi),
        );
      });
      return [...new Set(ids)];
    },
  };
}

/** Of a request with alternatives a device bears the name of one of these, too. */
const isFor = ({ requests }: ClaimDevice, request: string): boolean =>
  requests.length === 0 || requests.some((name) => name.split("/")[0] === request);

/** @throws Error in upstream's words when the pod may not use the claim (yet) */
function check(pod: Pod, claim: ResourceClaim, before: ClaimRecord | undefined): void {
  const { name, uid } = claim.metadata;
  if (before && before.uid !== uid)
    throw new Error(
      `old ResourceClaim with same name ${name} and different UID ${before.uid} still exists (previous pod force-deleted?!)`,
    );
  const named = pod.spec?.resourceClaims?.filter((reference) => claimNameOf(pod, reference) === name) ?? [];
  for (const reference of named) {
    const problem = claimProblem(pod, reference, claim);
    if (problem) throw new Error(problem);
  }
  if (!isReservedFor(claim, pod))
    throw new Error(
      `pod ${pod.metadata.name}(${pod.metadata.uid}) is not allowed to use ResourceClaim ${name}(${uid})`,
    );
  if (!claim.status?.allocation) throw new Error(`ResourceClaim ${name} is not allocated`);
}

/** One at a time for each key; who needs several takes them in their order. */
function createLocks(): { hold<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> } {
  const tails = new Map<string, Promise<unknown>>();
  const hold = async <T>(keys: readonly string[], work: () => Promise<T>): Promise<T> => {
    const [key, ...rest] = keys.toSorted();
    if (key === undefined) return work();
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(() => hold(rest, work));
    const tail = mine.catch(() => undefined);
    tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === tail) tails.delete(key);
    }
  };
  return { hold };
}
