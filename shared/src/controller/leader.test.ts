import { pino } from "pino";
import { beforeEach, expect, it } from "vitest";
import type { Lease } from "../api/generated/coordination-v1.ts";
import type { Client } from "../client/client.ts";
import { alreadyExists, notFound, serviceUnavailable, staleResourceVersion } from "../errors.ts";
import { runWithLeaderElection } from "./leader.ts";

const log = pino({ level: "silent" });
const which = { group: "coordination.k8s.io", resource: "leases" };

/** The one Lease, with the API's optimistic lock. */
let lease: Lease | undefined;
let revision: number;
let down: Set<string>;
beforeEach(() => {
  lease = undefined;
  revision = 1;
  down = new Set();
});

const clientOf = (who: string): Client => {
  const reach = async (signal?: AbortSignal): Promise<void> => {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (down.has(who)) throw serviceUnavailable("down");
  };
  const store = (object: Lease): Lease => {
    revision += 1;
    lease = structuredClone(object);
    lease.metadata.resourceVersion = String(revision);
    return structuredClone(lease);
  };
  return {
    get: async (_: unknown, __: unknown, options?: { signal?: AbortSignal }) => {
      await reach(options?.signal);
      if (!lease) throw notFound(which, "x");
      return structuredClone(lease);
    },
    create: async (_: unknown, object: Lease) => {
      await reach();
      if (lease) throw alreadyExists(which, "x");
      return store(object);
    },
    update: async (_: unknown, object: Lease) => {
      await reach();
      if (lease?.metadata.resourceVersion !== object.metadata.resourceVersion)
        throw staleResourceVersion(which, "x");
      return store(object);
    },
  } as unknown as Client;
};

interface Candidate {
  readonly stop: AbortController;
  readonly done: Promise<void>;
  leading: boolean;
  terms: number;
}
const candidate = (identity: string): Candidate => {
  const stop = new AbortController();
  const state = { stop, leading: false, terms: 0 };
  const done = runWithLeaderElection(
    {
      client: clientOf(identity),
      name: "x",
      identity,
      log,
      signal: stop.signal,
      leaseDurationMs: 1_000,
      renewDeadlineMs: 300,
      retryPeriodMs: 40,
    },
    async (signal) => {
      state.leading = true;
      state.terms += 1;
      if (!signal.aborted)
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      state.leading = false;
    },
  );
  return Object.assign(state, { done });
};

it("lets one lead, and another at once when that one stops", async () => {
  const a = candidate("a");
  await expect.poll(() => a.leading).toBe(true);
  const b = candidate("b");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect([a.leading, b.leading]).toEqual([true, false]);
  const began = performance.now();
  a.stop.abort();
  await a.done;
  expect(lease?.spec).toMatchObject({ holderIdentity: "", leaseTransitions: 0 });
  await expect.poll(() => b.leading).toBe(true);
  expect(performance.now() - began).toBeLessThan(300);
  expect(lease?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1, leaseDurationSeconds: 1 });
  b.stop.abort();
  await b.done;
});

it("stops leading when it cannot renew, before another may take over", async () => {
  const a = candidate("a");
  const b = candidate("b");
  await expect.poll(() => a.leading || b.leading).toBe(true);
  const [leader, other, name] = a.leading ? [a, b, "a"] : [b, a, "b"];
  down.add(name);
  let both = false;
  const watch = setInterval(() => {
    both ||= leader.leading && other.leading;
  }, 1);
  await expect.poll(() => other.leading, { timeout: 4_000 }).toBe(true);
  clearInterval(watch);
  expect([both, leader.leading]).toEqual([false, false]);
  down.clear();
  other.stop.abort();
  await expect.poll(() => leader.leading, { timeout: 4_000 }).toBe(true);
  expect(leader.terms).toBe(2);
  leader.stop.abort();
  await Promise.all([leader.done, other.done]);
});
