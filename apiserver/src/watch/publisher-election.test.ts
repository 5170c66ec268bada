import type { NatsConnection } from "nats";
import { beforeEach, expect, it } from "vitest";
import { createPublisherElection, type PublisherElection } from "./publisher-election.ts";

interface Replica {
  readonly election: PublisherElection;
  cut: boolean;
}

let clock: number;
let replicas: Set<Replica>;
let said: number;
beforeEach(() => {
  clock = 1_000_000;
  said = 0;
  replicas = new Set();
});

/** Replicas that hear each other, unless cut off. */
const listeners = new Map<Replica, (data: Uint8Array) => void>();
async function start(): Promise<Replica> {
  const replica = { cut: false } as { -readonly [K in keyof Replica]: Replica[K] };
  replicas.add(replica);
  const nc = {
    publish: (_: string, text: string) => {
      said += 1;
      if (!replica.cut)
        for (const other of replicas) if (!other.cut) listeners.get(other)?.(Buffer.from(text));
    },
    subscribe: (
      _: string,
      { callback }: { callback: (error: null, message: { data: Uint8Array }) => void },
    ) => {
      listeners.set(replica, (data) => callback(null, { data }));
      return { unsubscribe: () => listeners.delete(replica) };
    },
  } as unknown as NatsConnection;
  replica.election = createPublisherElection(nc, () => undefined, undefined, {
    now: () => clock,
    greetingMs: 0,
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  return replica;
}
const leaders = (): number => [...replicas].filter((r) => r.election.leading).length;
function pass(seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    clock += 1_000;
    for (const { election } of replicas) election.tick();
  }
}

it("has one publisher, the one that was there first", async () => {
  const first = await start();
  pass(5);
  await start();
  await start();
  expect([first.election.leading, leaders()]).toEqual([true, 1]);
  pass(60);
  expect([first.election.leading, leaders()]).toEqual([true, 1]);
});

it("has another at once when it stops, and within seconds when it dies", async () => {
  const first = await start();
  const second = await start();
  const third = await start();
  replicas.delete(first);
  first.election.stop();
  expect([second, third].filter((r) => r.election.leading)).toHaveLength(1);
  const [dead, last] = second.election.leading ? [second, third] : [third, second];
  dead.cut = true;
  replicas.delete(dead);
  pass(5);
  expect(last.election.leading).toBe(true);
});

it("comes back to one after a partition", async () => {
  const first = await start();
  pass(5);
  const second = await start();
  second.cut = true;
  pass(10);
  expect(leaders()).toBe(2);
  second.cut = false;
  pass(12);
  expect([first.election.leading, leaders()]).toEqual([true, 1]);
});

it("says little when it is alone", async () => {
  await start();
  pass(60);
  said = 0;
  pass(60);
  expect(said).toBeLessThanOrEqual(6);
});
