import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RequestInfo, UserInfo } from "../request.ts";
import { createTestCluster, type TestCluster } from "../watch/test-cache.ts";
import { priorityLevels } from "./bootstrap.ts";
import type { Flow } from "./classify.ts";
import { createFlowControl, type FlowControl, type Leave } from "./flow-control.ts";
import { divideSeats } from "./seats.ts";

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await createTestCluster();
});
afterEach(() => cluster.stop());

const level = (name: string, limited: object) =>
  cluster.put("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", {
    metadata: { name },
    spec: { type: "Limited", limited },
  });
const reject = { type: "Reject" };
const queue = { type: "Queue", queuing: { queues: 16, handSize: 1, queueLengthLimit: 2 } };

const info = (verb = "get", subresource = ""): RequestInfo => ({
  isResource: true,
  verb,
  path: "",
  group: "",
  version: "v1",
  resource: "pods",
  subresource,
  namespace: "",
  name: "",
});
const user = (username: string, ...groups: string[]): UserInfo => ({ username, groups });
const flow = (levelName: string): Flow => ({
  schema: "s",
  level: "l",
  schemaName: "s",
  levelName,
  distinguisher: "ByUser",
});

interface Asked {
  readonly what?: RequestInfo;
  readonly signal?: AbortSignal;
  readonly who?: UserInfo;
}
const ask = (control: FlowControl, levelName: string, more: Asked = {}): Leave | Promise<Leave> =>
  control.enter({
    flow: flow(levelName),
    user: more.who ?? user("jane"),
    info: more.what ?? info(),
    signal: more.signal ?? new AbortController().signal,
  });
const now = (entered: Leave | Promise<Leave>): Leave => {
  if (entered instanceof Promise) throw new Error("it waits");
  return entered;
};
const of = (control: FlowControl, name: string) => control.stats().find((stats) => stats.level === name);

describe("seats", () => {
  it("are divided by shares, as upstream's documentation has it", () => {
    const seats = divideSeats(600, priorityLevels);
    expect(seats.get("exempt")).toBeUndefined();
    expect(seats.get("catch-all")).toEqual({ nominal: 13, lendable: 0, borrowable: Infinity });
    expect(seats.get("workload-low")).toEqual({ nominal: 245, lendable: 221, borrowable: Infinity });
    expect(seats.get("leader-election")?.nominal).toBe(25);
  });
});

describe("a level that rejects", () => {
  it("has its seats and no more, and they come back", async () => {
    await level("a", { nominalConcurrencyShares: 1, limitResponse: reject });
    await level("b", { nominalConcurrencyShares: 1, limitResponse: reject });
    const control = createFlowControl(cluster.cache, { seats: 4 });
    const leave = now(ask(control, "a"));
    now(ask(control, "a"));
    expect(() => ask(control, "a")).toThrow("too many requests, please try again later");
    // What one level has used up, another still has.
    now(ask(control, "b"));
    leave();
    now(ask(control, "a"));
    expect(of(control, "a")).toMatchObject({
      nominal: 2,
      executing: 2,
      rejected: { "concurrency-limit": 1 },
    });
  });

  it("borrows what others lend and do not use, up to its limit", async () => {
    await level("a", { nominalConcurrencyShares: 1, borrowingLimitPercent: 50, limitResponse: reject });
    await level("b", { nominalConcurrencyShares: 1, lendablePercent: 100, limitResponse: reject });
    const control = createFlowControl(cluster.cache, { seats: 8 });
    const leaves = Array.from({ length: 6 }, () => now(ask(control, "a")));
    expect(() => ask(control, "a")).toThrow("too many");
    now(ask(control, "b"));
    now(ask(control, "b"));
    // All that it has lent is out; a seat that comes back is its own again.
    expect(() => ask(control, "b")).toThrow("too many");
    leaves[0]?.();
    now(ask(control, "b"));
  });

  it("holds up neither streams nor the cluster's owner, nor levels nobody knows", async () => {
    await level("a", { nominalConcurrencyShares: 0, limitResponse: reject });
    const control = createFlowControl(cluster.cache, { seats: 1 });
    for (const what of [info("watch"), info("get", "log"), info("create", "exec")])
      now(ask(control, "a", { what }));
    now(ask(control, "a", { who: user("admin", "system:masters") }));
    now(ask(control, "unknown"));
    expect(() => ask(control, "a")).toThrow("too many");
  });
});

describe("a level that queues", () => {
  beforeEach(() => level("a", { nominalConcurrencyShares: 1, limitResponse: queue }));

  it("lets the flows that wait take turns", async () => {
    const control = createFlowControl(cluster.cache, { seats: 1 });
    const done: string[] = [];
    const wait = async (who: string): Promise<void> => {
      const leave = await ask(control, "a", { who: user(who) });
      done.push(who);
      leave();
    };
    const leave = now(ask(control, "a"));
    const all = ["noisy", "noisy", "quiet"].map(wait);
    expect(of(control, "a")).toMatchObject({ executing: 1, waiting: 3 });
    leave();
    await Promise.all(all);
    expect(done).toEqual(["noisy", "quiet", "noisy"]);
    expect(of(control, "a")).toMatchObject({ executing: 0, waiting: 0, dispatched: 4 });
  });

  it("refuses what finds its queue full, and what has waited too long", async () => {
    const control = createFlowControl(cluster.cache, { seats: 1, waitMs: 20 });
    now(ask(control, "a"));
    const waiting = [ask(control, "a"), ask(control, "a")];
    await expect(ask(control, "a")).rejects.toMatchObject({ status: { code: 429 } });
    const ends = await Promise.allSettled(waiting.map((one) => Promise.resolve(one)));
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(of(control, "a")).toMatchObject({ waiting: 0, rejected: { "queue-full": 1, "time-out": 2 } });
  });

  it("forgets a client that has gone", async () => {
    const control = createFlowControl(cluster.cache, { seats: 1 });
    now(ask(control, "a"));
    const gone = new AbortController();
    const waiting = ask(control, "a", { signal: gone.signal });
    gone.abort();
    await expect(waiting).rejects.toThrow();
    expect(of(control, "a")).toMatchObject({ waiting: 0, rejected: { cancelled: 1 } });
  });

  it("lets all begin that wait in queues which are no more", async () => {
    const control = createFlowControl(cluster.cache, { seats: 1 });
    now(ask(control, "a"));
    const waiting = ask(control, "a");
    await level("a", { nominalConcurrencyShares: 1, limitResponse: reject });
    expect(of(control, "a")).toMatchObject({ executing: 2, waiting: 0 });
    (await waiting)();
  });
});
