import fc from "fast-check";
import { expect, it } from "vitest";
import { createMemoryStore } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createWatchCache, type CachedObject, type CacheEvent } from "./cache.ts";

const write = fc.record({
  name: fc.integer({ min: 0, max: 12 }).map((n) => `o${n}`),
  namespace: fc.constantFrom("a", "b"),
  remove: fc.boolean(),
  value: fc.integer(),
});
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;

async function perform(store: Store, { name, namespace, remove, value }: Write): Promise<void> {
  const key = { resource: "pods", namespace, name };
  const body = JSON.stringify({ metadata: { name }, value });
  const have = await store.get(key);
  if (!have) await store.create(key, body);
  else if (remove) await store.delete(key, body, have.revision);
  else await store.update(key, body, have.revision);
}

const id = (item: CachedObject): string => `${item.key.namespace}/${item.key.name}`;
const show = (items: readonly CachedObject[]): Map<string, string> =>
  new Map(items.map((i) => [id(i), i.json().toString()]));

it("a watch from R replayed onto the list at R equals the list at the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { minLength: 1, maxLength: 120 }),
      fc.nat(119),
      fc.constantFrom(undefined, "a"),
      async (writes, when, namespace) => {
        const store = createMemoryStore();
        const stop = new AbortController();
        const cache = createWatchCache(store);
        await cache.start(stop.signal);
        const all: CacheEvent[] = [];
        cache.onChange((e) => all.push(e));
        let pinned = cache.revision;
        for (const [i, w] of writes.entries()) {
          await perform(store, w);
          if (i === when) pinned = await store.revision();
        }
        await cache.waitFor(await store.revision());
        const state = show(cache.list("pods", { namespace, atRevision: pinned }).items);
        let left = all.filter(
          (e) => e.revision > pinned && (!namespace || e.current.key.namespace === namespace),
        ).length;
        const watch = cache.watch("pods", { namespace, after: pinned, signal: stop.signal });
        for (const events = watch[Symbol.asyncIterator](); left > 0; left--) {
          const { type, current } = (await events.next()).value as CacheEvent;
          if (type === "DELETED") state.delete(id(current));
          else state.set(id(current), current.json().toString());
        }
        expect(state).toEqual(show(cache.list("pods", { namespace }).items));
        stop.abort();
      },
    ),
    { numRuns: 100 },
  );
});
