import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreError, type Change, type ObjectKey, type Store } from "./store.ts";

const key = (name: string, resource = "pods"): ObjectKey => ({ resource, namespace: "default", name });

/** What every implementation of {@link Store} must do. `open` gives an empty store. */
export function describeStore(name: string, open: () => Promise<Store>): void {
  describe(`a store in ${name}`, () => {
    let store: Store;
    let stop: AbortController;
    beforeEach(async () => {
      store = await open();
      stop = new AbortController();
    });
    afterEach(async () => {
      stop.abort();
      await store.close();
    });
    const code = (write: Promise<unknown>): Promise<string> =>
      write.then(
        () => "done",
        (e: unknown) => (e instanceof StoreError ? e.code : String(e)),
      );

    it("gives each write the next revision", async () => {
      const start = await store.revision();
      expect(await store.create(key("a"), '{"a":1}')).toBe(start + 1);
      expect(await store.create(key("b"), '{"b":1}')).toBe(start + 2);
      expect(await store.update(key("a"), '{"a":2}', start + 1)).toBe(start + 3);
      expect(await store.revision()).toBe(start + 3);
      expect(await store.get(key("a"))).toEqual({ key: key("a"), revision: start + 3, body: '{"a":2}' });
    });

    it("creates an object once", async () => {
      const revision = await store.create(key("a"), "{}");
      expect(await code(store.create(key("a"), "{}"))).toBe("exists");
      expect(await store.revision()).toBe(revision);
    });

    it("refuses a write whose precondition does not hold and leaves no trace of it", async () => {
      const first = await store.create(key("a"), '"1"');
      await store.update(key("a"), '"2"', first);
      const before = await store.revision();
      expect(await code(store.update(key("a"), '"3"', first))).toBe("stale");
      expect(await code(store.delete(key("a"), '"3"', first))).toBe("stale");
      expect(await code(store.update(key("none"), "{}", 1))).toBe("missing");
      expect(await code(store.delete(key("none"), "{}", 1))).toBe("missing");
      expect(await store.revision()).toBe(before);
      expect((await store.get(key("a")))?.body).toBe('"2"');
    });

    it("removes an object, which can then be created again", async () => {
      const first = await store.create(key("a"), "{}");
      await store.delete(key("a"), '{"last":true}', first);
      expect(await store.get(key("a"))).toBeUndefined();
      await store.create(key("a"), "{}");
      expect(await store.get(key("a"))).toBeDefined();
    });

    it("keeps text of any kind as it is", async () => {
      const body = JSON.stringify({ text: 'é\n\u0000 "☃" 👾', lines: "1\n2\n", long: "x".repeat(1_500_000) });
      await store.create(key("a"), body);
      expect((await store.get(key("a")))?.body).toBe(body);
      expect((await store.snapshot()).objects[0]?.body).toBe(body);
      expect((await take(store, 1, 1, stop.signal))[0]?.body).toBe(body);
    });

    it("lets one of many concurrent writers win each revision of an object", async () => {
      let expected = await store.create(key("a"), "0");
      for (let round = 0; round < 10; round++) {
        const at = expected;
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            store.update(key("a"), `${round}.${i}`, at).catch((e: unknown) => (e as StoreError).code),
          ),
        );
        const won = results.filter((r) => typeof r === "number");
        expect(won).toHaveLength(1);
        expect(results.filter((r) => r === "stale")).toHaveLength(7);
        expected = won[0] ?? 0;
        expect((await store.get(key("a")))?.body).toBe(`${round}.${results.indexOf(expected)}`);
      }
    });

    it("shows every object at one revision", async () => {
      const revision = await store.revision();
      const names = Array.from({ length: 1200 }, (_, i) => `p${i}`);
      await Promise.all(names.map((n) => store.create(key(n), `"${n}"`)));
      await store.delete(key("p7"), '"p7"', (await store.get(key("p7")))?.revision ?? 0);
      const snapshot = await store.snapshot();
      expect(snapshot.revision).toBe(revision + 1201);
      expect(snapshot.objects.map((o) => o.key.name).toSorted()).toEqual(
        names.filter((n) => n !== "p7").toSorted(),
      );
    });

    it("takes snapshots under writes that equal the changes replayed to their revision", async () => {
      const start = await store.revision();
      const writing = new AbortController();
      const writers = Array.from({ length: 4 }, async (_, w) => {
        for (let i = 0; !writing.signal.aborted; i++) {
          await new Promise((r) => setImmediate(r));
          const k = key(`w${w}-${i % 40}`);
          const have = await store.get(k);
          if (!have) await store.create(k, `${i}`);
          else if (i % 3 === 0) await store.delete(k, have.body, have.revision);
          else await store.update(k, `${i}`, have.revision);
        }
      });
      const snapshots = [];
      for (let i = 0; i < 5; i++) {
        snapshots.push(await store.snapshot());
        await new Promise((r) => setTimeout(r, 10));
      }
      writing.abort();
      await Promise.all(writers);
      const end = await store.revision();
      const changes = await take(store, start, end - start, stop.signal);
      for (const snapshot of snapshots) {
        const state = new Map<string, string>();
        for (const c of changes.filter((x) => x.revision <= snapshot.revision)) {
          if (c.type === "DELETED") state.delete(c.key.name);
          else state.set(c.key.name, `${c.revision} ${c.body}`);
        }
        const seen = snapshot.objects.map((o) => [o.key.name, `${o.revision} ${o.body}`] as const);
        expect(new Map(seen)).toEqual(state);
      }
    });

    it("tells every change in order, those before the call and those after it", async () => {
      const start = await store.revision();
      const a = await store.create(key("a"), '"1"');
      const seen = take(store, start, 4, stop.signal);
      const b = await store.update(key("a"), '"2"', a);
      await store.create(key("s", "secrets"), "{}");
      await store.delete(key("a"), '"3"', b);
      expect((await seen).map((c) => [c.type, c.key.resource, c.revision - start, c.body])).toEqual([
        ["ADDED", "pods", 1, '"1"'],
        ["MODIFIED", "pods", 2, '"2"'],
        ["ADDED", "secrets", 3, "{}"],
        ["DELETED", "pods", 4, '"3"'],
      ]);
    });

    it("ends the changes when the signal aborts", async () => {
      const after = await store.revision();
      const seen = take(store, after, 1, stop.signal);
      setTimeout(() => stop.abort(), 20);
      expect(await seen).toEqual([]);
    });

    it("answers Expired when the changes asked for are forgotten or not yet made", async () => {
      const start = await store.revision();
      for (let i = 0; i < 10; i++) await store.create(key(`p${i}`), "{}");
      await store.compact(start + 6);
      const failure = (after: number): Promise<unknown> =>
        take(store, after, 1, stop.signal).then(
          (c) => c[0]?.revision,
          (e: { code?: number }) => e.code,
        );
      expect(await failure(start)).toBe(410);
      expect(await failure(start + 4)).toBe(410);
      expect(await failure(start + 5)).toBe(start + 6);
      expect(await failure(start + 11)).toBe(410);
      await store.compact(start + 2);
      expect(await failure(start + 4)).toBe(410);
      await store.compact(start + 100);
      expect(await failure(start + 9)).toBe(410);
      await store.create(key("more"), "{}");
      expect(await failure(start + 10)).toBe(start + 11);
    });
  });
}

/** The first `count` changes after a revision; fewer when the signal aborts. */
export async function take(
  store: Store,
  after: number,
  count: number,
  signal: AbortSignal,
): Promise<Change[]> {
  const changes: Change[] = [];
  if (count === 0) return changes;
  for await (const batch of store.changes(after, signal)) {
    changes.push(...batch);
    if (changes.length >= count) break;
  }
  return changes;
}
