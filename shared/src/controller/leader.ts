import { setTimeout as sleep } from "node:timers/promises";
import type { Lease } from "../api/generated/coordination-v1.ts";
import { leases } from "../api/resources.ts";
import type { Client } from "../client/client.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../errors.ts";
import type { Logger } from "../log.ts";
import { formatMicroTime } from "../meta/time.ts";

export interface LeaderElectionOptions {
  readonly client: Client;
  /** The Lease's name: `kube-controller-manager`. */
  readonly name: string;
  readonly namespace?: string | undefined;
  /** Unique among the candidates. */
  readonly identity: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly leaseDurationMs?: number | undefined;
  readonly renewDeadlineMs?: number | undefined;
  readonly retryPeriodMs?: number | undefined;
  /** Called when leadership is won and lost, for health and metrics. */
  readonly onChange?: ((leading: boolean) => void) | undefined;
}

const JITTER = 1.2;

/**
 * Runs `lead` whenever this process holds the Lease, until `signal` aborts. The signal given to `lead` aborts when the Lease could
 * not be renewed in time; `lead` must return then, before this process competes again. On stop the Lease is released. What `lead`
 * throws of its own is thrown on: a process that cannot lead must end, so that another leads.
 */
export async function runWithLeaderElection(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const elector = createElector(options);
  while (!options.signal.aborted) {
    if (!(await elector.acquire())) return;
    options.log.info({ lease: options.name }, "leading");
    options.onChange?.(true);
    const term = new AbortController();
    const signal = AbortSignal.any([options.signal, term.signal]);
    const leading = lead(signal).finally(() => term.abort());
    // A failure of lead is thrown below; it must not count as unhandled while renewing goes on.
    leading.catch(() => undefined);
    await elector.renewUntilLost(signal);
    term.abort();
    try {
      await leading;
    } catch (error) {
      // What was broken off by the stop or the loss of the Lease is no failure.
      if (!options.signal.aborted && !isAbort(error)) throw error;
    } finally {
      options.onChange?.(false);
      await elector.release();
    }
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

function createElector(options: LeaderElectionOptions) {
  const { client, identity, log, name } = options;
  const namespace = options.namespace ?? "kube-system";
  const duration = options.leaseDurationMs ?? 15_000;
  const deadline = options.renewDeadlineMs ?? 10_000;
  const retry = options.retryPeriodMs ?? 2_000;
  // A renewal is a durable write; a third of the lease is often enough for it as long as it succeeds.
  const renewal = Math.max(retry, duration / 3);
  /** What the Lease was, and when by our own clock it was first seen so: clocks of other hosts are not trusted. */
  let observed: { readonly record: string; readonly at: number } | undefined;
  let held: Lease | undefined;

  const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  };
  const observe = (lease: Lease): void => {
    const record = JSON.stringify(lease.spec ?? {});
    if (observed?.record !== record) observed = { record, at: performance.now() };
  };
  const claimOf = (lease: Lease | undefined): Lease => {
    const now = formatMicroTime(Date.now());
    const mine = lease?.spec?.holderIdentity === identity;
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: lease?.metadata ?? { name, namespace },
      spec: {
        ...lease?.spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(duration / 1000),
        acquireTime: mine ? (lease.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: mine || !lease ? transitions : transitions + 1,
      },
    };
  };
  /** @returns whether we hold the Lease now. Throws when that is not known. */
  const claim = async (signal: AbortSignal): Promise<boolean> => {
    // The holder renews without reading first; another's write shows as a conflict.
    if (held) {
      try {
        held = await client.update(leases, claimOf(held), { signal });
        return true;
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
        held = undefined;
      }
    }
    const current = await client.get(leases, { namespace, name }, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (!current) {
      held = await client.create(leases, claimOf(undefined), { signal });
      return true;
    }
    observe(current);
    const holder = current.spec?.holderIdentity;
    const valid = performance.now() < (observed?.at ?? 0) + (current.spec?.leaseDurationSeconds ?? 0) * 1000;
    if (holder && holder !== identity && valid) return false;
    held = await client.update(leases, claimOf(current), { signal });
    return true;
  };
  const tryClaim = async (signal: AbortSignal): Promise<boolean> => {
    try {
      return await claim(signal);
    } catch (error) {
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error))
        log.warn({ err: error, lease: name }, "cannot claim the lease");
      return false;
    }
  };

  return {
    /** Waits for the Lease; false when the process stops first. */
    async acquire(): Promise<boolean> {
      while (!options.signal.aborted) {
        if (await tryClaim(options.signal)) return true;
        await pause(retry * (1 + Math.random() * (JITTER - 1)), options.signal);
      }
      return false;
    },
    /** Returns when the Lease is lost or `signal` aborts. */
    async renewUntilLost(signal: AbortSignal): Promise<void> {
      let renewed = performance.now();
      for (let wait = renewal; !signal.aborted;) {
        await pause(wait, signal);
        if (signal.aborted) return;
        const left = Math.max(1, Math.ceil(deadline - (performance.now() - renewed)));
        const claimed = await tryClaim(AbortSignal.any([signal, AbortSignal.timeout(left)]));
        if (claimed) renewed = performance.now();
        else if (!signal.aborted && performance.now() - renewed >= deadline) {
          log.error({ lease: name }, "lost the lease");
          return;
        }
        wait = claimed ? renewal : retry;
      }
    },
    /** Gives the Lease up, so that another need not wait for it to run out. */
    async release(): Promise<void> {
      if (!held) return;
      held = undefined;
      const signal = AbortSignal.timeout(2_000);
      try {
        // Read again: a renewal broken off by the stop may have been written.
        const lease = await client.get(leases, { namespace, name }, { signal });
        if (lease.spec?.holderIdentity !== identity) return;
        const now = formatMicroTime(Date.now());
        const spec = {
          ...lease.spec,
          holderIdentity: "",
          leaseDurationSeconds: 1,
          renewTime: now,
          acquireTime: now,
        };
        await client.update(leases, { ...lease, spec }, { signal });
      } catch (error) {
        log.warn({ err: error, lease: name }, "cannot release the lease");
      }
    },
  };
}
