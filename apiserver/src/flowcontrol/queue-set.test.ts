import { describe, expect, it } from "vitest";
import { createQueueSet, deal } from "./queue-set.ts";

describe("a hand", () => {
  it("is the same for a flow each time, of distinct queues, and differs between flows", () => {
    const hand = deal("jane", 64, 8);
    expect(deal("jane", 64, 8)).toEqual(hand);
    expect(new Set(hand).size).toBe(8);
    expect(hand.every((queue) => queue >= 0 && queue < 64)).toBe(true);
    expect(deal("joe", 64, 8)).not.toEqual(hand);
    expect(new Set(deal("jane", 3, 3))).toEqual(new Set([0, 1, 2]));
  });

  it("leaves hardly anybody without a queue that one noisy flow does not use", () => {
    const noisy = new Set(deal("noisy", 128, 6));
    const flows = Array.from({ length: 1000 }, (_, i) => deal(`flow-${i}`, 128, 6));
    expect(flows.filter((hand) => hand.every((queue) => noisy.has(queue)))).toHaveLength(0);
  });
});

describe("a queue set", () => {
  it("lets its queues take turns, so that a flow with many waiters does not keep others back", () => {
    const set = createQueueSet<string>({ queues: 64, handSize: 1, queueLengthLimit: 50 });
    for (let i = 0; i < 5; i++) set.add("noisy", `noisy ${i}`);
    set.add("quiet", "quiet");
    expect([set.next(), set.next(), set.next()]).toEqual(["noisy 0", "quiet", "noisy 1"]);
    expect(set.size).toBe(3);
  });

  it("puts a flow's waiters into the shortest of its queues, and refuses when all are full", () => {
    const set = createQueueSet<number>({ queues: 64, handSize: 2, queueLengthLimit: 3 });
    for (let i = 0; i < 6; i++) expect(set.add("noisy", i)).toBe(true);
    expect(set.add("noisy", 6)).toBe(false);
    expect(set.size).toBe(6);
  });

  it("forgets who has given up", () => {
    const set = createQueueSet<string>({ queues: 8, handSize: 1, queueLengthLimit: 5 });
    for (const name of ["a", "b", "c"]) set.add("flow", name);
    set.remove("b");
    set.remove("a");
    expect([set.size, set.next(), set.next(), set.size]).toEqual([1, "c", undefined, 0]);
  });
});
