import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryStore } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createWatchCache, type CacheEvent, type WatchCache, type WatchCacheOptions } from "./cache.ts";

let store: Store;
let stop: AbortController;
beforeEach(() => {
  store = createMemoryStore();
  stop = new AbortController();
});
afterEach(() => stop.abort());

const key = (name: string, namespace = "default", resource = "pods") => ({ resource, namespace, name });
const body = (name: string, more = {}) => JSON.stringify({ kind: "Pod", metadata: { name }, ...more });
const open = async (options?: WatchCacheOptions): Promise<WatchCache> => {
  const cache = createWatchCache(store, options);
  await cache.start(stop.signal);
  return cache;
};
const settled = async (cache: WatchCache): Promise<void> => cache.waitFor(await store.revision());
const names = (result: { items: readonly { key: { name: string } }[] }) =>
  result.items.map((i) => i.key.name);
const code = (action: () => unknown): number | string => {
  try {
    action();
    return "done";
  } catch (error) {
    return (error as { code: number }).code;
  }
};

describe("reading", () => {
  it("serves objects with their revision, as text and parsed", async () => {
    const first = await store.create(key("a"), body("a"));
    const cache = await open();
    expect(cache.get(key("a"))?.object.metadata.resourceVersion).toBe(String(first));
    const second = await store.update(key("a"), body("a", { spec: { x: "é" } }), first);
    await cache.waitFor(second);
    const have = cache.get(key("a"));
    expect(JSON.parse(have?.json().toString() ?? "")).toEqual({
      kind: "Pod",
      metadata: { name: "a", resourceVersion: String(second) },
      spec: { x: "é" },
    });
    expect(have?.object).toEqual(JSON.parse(have?.json().toString() ?? ""));
  });

  it("lists by namespace, in order, in pages that stay at their revision while objects come and go", async () => {
    const cache = await open();
    for (const ns of ["a", "a-b", "b"]) {
      for (const n of ["1", "2", "3", "4"]) await store.create(key(n, ns), body(n));
    }
    await settled(cache);
    expect(cache.list("pods", { namespace: "a" }).items).toHaveLength(4);
    expect(cache.list("pods").items).toHaveLength(12);
    const page = cache.list("pods", { namespace: "a", limit: 2 });
    expect([names(page), page.next, page.remaining]).toEqual([["1", "2"], "a/2", 2]);
    await store.create(key("25", "a"), body("25"));
    await store.delete(key("3", "a"), body("3"), cache.get(key("3", "a"))?.revision ?? 0);
    await settled(cache);
    const rest = cache.list("pods", {
      namespace: "a",
      limit: 2,
      after: page.next,
      atRevision: page.revision,
    });
    expect([names(rest), rest.next, rest.remaining]).toEqual([["3", "4"], undefined, undefined]);
    expect(names(cache.list("pods", { namespace: "a" }))).toEqual(["1", "2", "25", "4"]);
  });

  it("counts a filter's matches, not its candidates, towards the limit", async () => {
    const cache = await open();
    for (let i = 0; i < 9; i++) await store.create(key(`${i}`), body(`${i}`));
    await settled(cache);
    const odd = cache.list("pods", { limit: 4, matches: (i) => Number(i.key.name) % 2 === 1 });
    expect([names(odd), odd.next, odd.remaining]).toEqual([["1", "3", "5", "7"], undefined, undefined]);
  });

  it("waits for a revision and says so when it does not come", async () => {
    const cache = await open();
    await expect(cache.waitFor(100, 20)).rejects.toMatchObject({
      code: 504,
      message: "Timeout: Too large resource version: 100, current: 1",
    });
  });

  it("answers 410 for a page whose revision is forgotten", async () => {
    const cache = await open({ historyEvents: 5 });
    await store.create(key("a"), body("a"));
    await settled(cache);
    const at = cache.revision;
    for (let i = 0; i < 6; i++) await store.create(key(`x${i}`), body("x"));
    await settled(cache);
    expect(code(() => cache.list("pods", { atRevision: at }))).toBe(410);
    expect(cache.list("pods", { atRevision: at + 1 }).items).toHaveLength(2);
    expect(code(() => cache.list("pods", { atRevision: at + 100 }))).toBe(504);
  });

  it("lets pages grow old, also those of a resource that stays as it was", async () => {
    let minutes = 0;
    const cache = await open({ historyMs: 5 * 60_000, now: () => minutes * 60_000 });
    await store.create(key("a"), body("a"));
    await settled(cache);
    const at = cache.revision;
    const other = async (name: string): Promise<void> => {
      await store.create(key(name, "default", "leases"), body(name));
      await settled(cache);
    };
    minutes = 1;
    await other("one");
    minutes = 5;
    await other("two");
    expect(cache.list("pods", { atRevision: at }).items).toHaveLength(1);
    minutes = 7;
    await other("three");
    expect(code(() => cache.list("pods", { atRevision: at }))).toBe(410);
    expect(cache.list("pods", { atRevision: cache.revision }).items).toHaveLength(1);
    // Its changes are all remembered: who watches since then has missed nothing.
    expect(code(() => cache.watch("pods", { after: at, signal: stop.signal }))).toBe("done");
  });
});

describe("watching", () => {
  const take = async (watch: AsyncIterable<CacheEvent | number>, count: number): Promise<string[]> => {
    const seen: string[] = [];
    for await (const item of watch) {
      seen.push(typeof item === "number" ? `bookmark ${item}` : `${item.type} ${item.current.key.name}`);
      if (seen.length === count) break;
    }
    return seen;
  };

  it("resumes from a revision and goes on with what happens", async () => {
    const cache = await open();
    const a = await store.create(key("a"), body("a"));
    await store.create(key("b"), body("b"));
    await settled(cache);
    const seen = take(cache.watch("pods", { after: a, signal: stop.signal }), 3);
    await store.update(key("a"), body("a"), a);
    await store.create(key("s", "default", "secrets"), body("s"));
    await store.delete(key("b"), body("b"), cache.get(key("b"))?.revision ?? 0);
    expect(await seen).toEqual(["ADDED b", "MODIFIED a", "DELETED b"]);
  });

  it("tells a watch only what concerns its namespace or name", async () => {
    const cache = await open();
    const signal = stop.signal;
    const inA = take(cache.watch("pods", { after: 1, namespace: "a", signal }), 2);
    const x = take(cache.watch("pods", { after: 1, namespace: "b", name: "x", signal }), 1);
    for (const ns of ["a", "b"]) for (const n of ["w", "x"]) await store.create(key(n, ns), body(n));
    expect(await inA).toEqual(["ADDED w", "ADDED x"]);
    expect(await x).toEqual(["ADDED x"]);
  });

  it("gives the state before a change", async () => {
    const cache = await open();
    const a = await store.create(key("a"), body("a", { n: 1 }));
    await store.update(key("a"), body("a", { n: 2 }), a);
    await settled(cache);
    const events: CacheEvent[] = [];
    for await (const item of cache.watch("pods", { after: a, signal: stop.signal })) {
      events.push(item as CacheEvent);
      break;
    }
    expect([events[0]?.previous?.object["n"], events[0]?.current.object["n"]]).toEqual([1, 2]);
  });

  it("answers 410 at once when the history is gone, but not for a resource of which nothing was forgotten", async () => {
    const cache = await open({ historyEvents: 3 });
    await store.create(key("quiet", "default", "secrets"), body("q"));
    for (let i = 0; i < 10; i++) await store.create(key(`p${i}`), body("p"));
    await settled(cache);
    expect(code(() => cache.watch("pods", { after: 3, signal: stop.signal }))).toBe(410);
    expect(code(() => cache.watch("secrets", { after: 3, signal: stop.signal }))).toBe("done");
    expect(code(() => cache.watch("secrets", { after: 1, signal: stop.signal }))).toBe(410);
  });

  it("drops a watcher that does not keep up, and no other", async () => {
    const cache = await open({ watcherBuffer: 5 });
    const slow = cache.watch("pods", { after: 1, signal: stop.signal });
    const quick = take(cache.watch("pods", { after: 1, namespace: "other", signal: stop.signal }), 1);
    for (let i = 0; i < 10; i++) await store.create(key(`p${i}`), body("p"));
    await store.create(key("o", "other"), body("o"));
    await expect(take(slow, 20)).rejects.toMatchObject({ code: 410 });
    expect(await quick).toEqual(["ADDED o"]);
    expect(cache.stats().watchers).toBe(0);
  });

  it("holds no more for a watcher that does not keep up than what it remembers anyway", async () => {
    const cache = await open({ historyBytes: 20_000 });
    const overflowed = vi.fn();
    const slow = cache.watch("pods", { after: 1, signal: stop.signal, onOverflow: overflowed });
    const big = JSON.stringify({ metadata: { name: "p" }, data: "x".repeat(5_000) });
    let at = await store.create(key("p"), big);
    for (let i = 0; i < 3; i++) at = await store.update(key("p"), big, at);
    await settled(cache);
    expect(overflowed).not.toHaveBeenCalled();
    for (let i = 0; i < 3; i++) at = await store.update(key("p"), big, at);
    await settled(cache);
    expect(overflowed).toHaveBeenCalledOnce();
    await expect(take(slow, 20)).rejects.toMatchObject({ code: 410 });
  });

  it("ends a watch whose client has gone before it began", async () => {
    const cache = await open({});
    expect(await take(cache.watch("pods", { after: 1, signal: AbortSignal.abort() }), 1)).toEqual([]);
    expect(cache.stats().watchers).toBe(0);
  });

  it("bookmarks the revision while nothing happens to a watch", async () => {
    const cache = await open({ bookmarkMs: 10 });
    const seen = take(cache.watch("pods", { after: 1, signal: stop.signal }), 1);
    await store.create(key("s", "default", "secrets"), body("s"));
    expect(await seen).toEqual(["bookmark 2"]);
  });

  it("waits for a revision that is still to come, and gives up on one that does not", async () => {
    const cache = await open();
    const seen = take(cache.watch("pods", { after: 3, signal: stop.signal }), 1);
    for (const n of ["a", "b", "c"]) await store.create(key(n), body(n));
    expect(await seen).toEqual(["ADDED c"]);
  });

  it("ends with its signal", async () => {
    const cache = await open();
    const mine = new AbortController();
    const seen = take(cache.watch("pods", { after: 1, signal: mine.signal }), 1);
    await Promise.resolve();
    mine.abort();
    expect(await seen).toEqual([]);
    expect(cache.stats().watchers).toBe(0);
  });
});

describe("a store whose change log was trimmed under the cache", () => {
  it("is loaded again: listeners get the differences, watchers a 410", async () => {
    for (const n of ["kept", "changed", "gone"]) await store.create(key(n), body(n));
    // A cache that reads slowly: its log is trimmed before it gets to read it.
    let blocked = true;
    let release = (): void => undefined;
    const slow: Store = {
      ...store,
      async *changes(after, signal) {
        if (blocked) await new Promise<void>((r) => (release = r));
        blocked = false;
        yield* store.changes(after, signal);
      },
    };
    const cache = createWatchCache(slow);
    await cache.start(stop.signal);
    const seen: string[] = [];
    const resets: number[] = [];
    cache.onChange((e) => seen.push(`${e.type} ${e.current.key.name}`));
    cache.onReset((r) => resets.push(r));
    const watch = cache.watch("pods", { after: cache.revision, signal: stop.signal })[Symbol.asyncIterator]();
    await store.update(key("changed"), body("changed"), cache.get(key("changed"))?.revision ?? 0);
    await store.delete(key("gone"), body("gone"), cache.get(key("gone"))?.revision ?? 0);
    await store.create(key("new"), body("new"));
    await store.compact(100);
    release();
    await settled(cache);
    await expect(watch.next()).rejects.toMatchObject({ code: 410 });
    expect(seen.toSorted()).toEqual(["ADDED new", "DELETED gone", "MODIFIED changed"]);
    expect(names(cache.list("pods"))).toEqual(["changed", "kept", "new"]);
    expect(resets).toEqual([cache.revision]);
    await store.create(key("later"), body("later"));
    await settled(cache);
    expect(seen.at(-1)).toBe("ADDED later");
  });
});
