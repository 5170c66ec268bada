import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createHeap } from "./heap.ts";
import { createWorkQueue } from "./work-queue.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => vi.useRealTimers());

it("gives a key to one worker at a time, and once more when it was added meanwhile", async () => {
  const queue = createWorkQueue();
  queue.add("a");
  queue.add("a");
  queue.add("b");
  expect([await queue.next(), await queue.next()]).toEqual(["a", "b"]);
  queue.add("a");
  queue.add("a");
  expect(queue.length).toBe(0);
  queue.done("a");
  expect(queue.length).toBe(1);
  expect(await queue.next()).toBe("a");
  queue.done("a");
  queue.done("b");
  expect(queue.length).toBe(0);
});

it("wakes a waiting worker, and ends all on shut-down after what is queued", async () => {
  const queue = createWorkQueue();
  const first = queue.next();
  queue.add("a");
  expect(await first).toBe("a");
  queue.add("b");
  const [second, third] = [queue.next(), queue.next()];
  queue.shutDown();
  expect([await second, await third, await queue.next()]).toEqual(["b", undefined, undefined]);
});

it("holds a delayed key until its earliest time", async () => {
  const queue = createWorkQueue();
  queue.addAfter("late", 2_000);
  queue.addAfter("late", 500);
  queue.addAfter("late", 1_000);
  queue.addAfter("soon", 100);
  queue.addAfter("now", 0);
  expect(queue.length).toBe(1);
  await vi.advanceTimersByTimeAsync(101);
  expect(queue.length).toBe(2);
  await vi.advanceTimersByTimeAsync(400);
  expect(queue.length).toBe(3);
  for (const key of ["now", "soon", "late"]) {
    expect(await queue.next()).toBe(key);
    queue.done(key);
  }
  await vi.advanceTimersByTimeAsync(5_000);
  expect(queue.length).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

it("backs off per key from 5 ms, doubling, and starts anew when forgotten", async () => {
  const queue = createWorkQueue();
  for (const expected of [5, 10, 20, 40]) {
    queue.addRateLimited("a");
    await vi.advanceTimersByTimeAsync(expected - 1);
    expect(queue.length).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(queue.length).toBe(1);
    queue.done((await queue.next()) ?? "");
  }
  expect(queue.retries("a")).toBe(4);
  queue.forget("a");
  queue.addRateLimited("a");
  await vi.advanceTimersByTimeAsync(5);
  expect(queue.length).toBe(1);
});

it("lets a hundred retries through at once and ten a second after that", async () => {
  const queue = createWorkQueue();
  for (let i = 0; i < 130; i++) queue.addRateLimited(`k${i}`);
  await vi.advanceTimersByTimeAsync(10);
  expect(queue.length).toBe(100);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(queue.length).toBe(110);
});

it("never gives one key to two workers and loses no addition", async () => {
  vi.useRealTimers();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 200 }), async (additions) => {
      const queue = createWorkQueue();
      const version = new Map<string, number>();
      const handled = new Map<string, number>();
      const active = new Set<string>();
      const worker = async (): Promise<void> => {
        for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
          expect(active.has(key)).toBe(false);
          active.add(key);
          handled.set(key, version.get(key) ?? 0);
          await new Promise((resolve) => setImmediate(resolve));
          active.delete(key);
          queue.done(key);
        }
      };
      const workers = [worker(), worker(), worker()];
      for (const [i, key] of additions.entries()) {
        version.set(key, i);
        queue.add(key);
        if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      while (queue.length > 0 || active.size > 0) await new Promise((resolve) => setImmediate(resolve));
      queue.shutDown();
      await Promise.all(workers);
      expect(handled).toEqual(version);
    }),
    { numRuns: 50 },
  );
});

it("sorts", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = createHeap<number>();
      for (const n of numbers) heap.push(n, n);
      const sorted: number[] = [];
      for (let top = heap.pop(); top; top = heap.pop()) sorted.push(top.value);
      expect(sorted).toEqual(numbers.toSorted((a, b) => a - b));
    }),
  );
});
