import { expect, it } from "vitest";
import { runCompaction } from "./compaction.ts";
import { createMemoryStore } from "./memory.ts";
import { take } from "./store.contract.ts";

const reachable = (store: ReturnType<typeof createMemoryStore>, after: number): Promise<boolean> =>
  take(store, after, 1, AbortSignal.timeout(20)).then(
    () => true,
    () => false,
  );

it("keeps the newest changes by number and forgets the rest", async () => {
  const store = createMemoryStore();
  for (let i = 0; i < 50; i++) await store.create({ resource: "pods", namespace: "a", name: `${i}` }, "{}");
  const stop = new AbortController();
  const running = runCompaction(store, stop.signal, { keepChanges: 10, everyMs: 5 });
  await expect.poll(() => reachable(store, 30)).toBe(false);
  expect(await reachable(store, 41)).toBe(true);
  stop.abort();
  await running;
});

it("forgets changes by age, never the newest revision", async () => {
  const store = createMemoryStore();
  const stop = new AbortController();
  for (let i = 0; i < 5; i++) await store.create({ resource: "pods", namespace: "a", name: `${i}` }, "{}");
  const running = runCompaction(store, stop.signal, { keepMs: 20, everyMs: 5 });
  await expect.poll(() => reachable(store, 3)).toBe(false);
  expect(await reachable(store, 6)).toBe(true);
  stop.abort();
  await running;
});
