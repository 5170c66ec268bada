import fc from "fast-check";
import type { Msg, MsgHdrs, NatsConnection } from "nats";
import { pino } from "pino";
import { expect, it } from "vitest";
import { pods, secrets, services, type Resource } from "@coracle/shared/api/resources.ts";
import type { Bus } from "@coracle/shared/bus/connect.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { createFeedInformerFactory } from "@coracle/shared/informer/feed.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { createChangesHandler } from "../nats/changes.ts";
import { createMemoryStore } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createWatchCache } from "./cache.ts";
import { startFeedPublisher } from "./feed.ts";
import type { WatchCache } from "./types.ts";

/** What the network does to one delivery. */
type Fate = "deliver" | "drop" | "twice" | "late";

/** A broker that loses, repeats and reorders as it is told, and that can be away. */
function createChaosBroker(fate: () => Fate) {
  const subscribers = new Set<{ pattern: RegExp; take: (message: Msg) => void }>();
  const reconnects = new Set<() => void>();
  let late: (() => void)[] = [];
  let away = false;
  let deaf = false;
  let calm = false;
  const matcher = (subject: string): RegExp =>
    new RegExp(`^${subject.replaceAll(".", "\\.").replaceAll("*", "[^.]+").replace(/>$/, ".+")}$`);
  const publish = (subject: string, payload: string | Uint8Array, options?: { headers?: MsgHdrs }): void => {
    if (away) return;
    const data = Buffer.from(payload);
    const message = {
      subject,
      data,
      headers: options?.headers,
      json: () => JSON.parse(data.toString()) as unknown,
    } as unknown as Msg;
    for (const { pattern, take } of subscribers) {
      if (!pattern.test(subject)) continue;
      if (deaf && !subject.startsWith("feed-candidates")) continue;
      const how = calm || subject.startsWith("feed-candidates") ? "deliver" : fate();
      if (how === "late") late.push(() => take(message));
      else if (how !== "drop") take(message);
      if (how === "twice") late.push(() => take(message));
    }
  };
  const nc = {
    publish,
    subscribe: (subject: string, { callback }: { callback: (error: Error | null, message: Msg) => void }) => {
      const entry = { pattern: matcher(subject), take: (message: Msg) => callback(null, message) };
      subscribers.add(entry);
      return { unsubscribe: () => subscribers.delete(entry) };
    },
  } as unknown as NatsConnection;
  const bus: Bus = {
    identity: "test",
    nc,
    get connected() {
      return !away;
    },
    onReconnect: (listener) => {
      reconnects.add(listener);
      return () => void reconnects.delete(listener);
    },
    onDisconnect: () => () => undefined,
    close: () => Promise.resolve(),
  };
  return {
    bus,
    /** Delivers what is late, in the opposite order. */
    flush: (): void => {
      const held = late.toReversed();
      late = [];
      for (const deliver of held) deliver();
    },
    leave: (): void => {
      away = true;
      late = [];
    },
    /** Everything is lost, and nobody is told. */
    deafen: (): void => {
      deaf = true;
    },
    hear: (): void => {
      deaf = false;
    },
    back: (): void => {
      if (!away) return;
      away = false;
      for (const listener of reconnects) listener();
    },
    calm: (): void => {
      calm = true;
      deaf = false;
    },
  };
}

/** A client of whichever API server replica is there now, which now and then fails. */
function createTestClient(cache: () => WatchCache, fails: () => boolean): Client {
  const handler = () => createChangesHandler({ cache: cache(), authorize: () => ({ allowed: true }) });
  return {
    list: async (resource: Resource<unknown>, { fieldSelector = "" }: { fieldSelector?: string } = {}) => {
      await Promise.resolve();
      if (fails()) throw new Error("no API server answers");
      const node = /spec\.nodeName=(.*)/.exec(fieldSelector)?.[1];
      const { revision, items } = cache().list(resource.plural);
      const objects = items.map((i) => JSON.parse(i.json().toString()) as KubeObject);
      return {
        metadata: { resourceVersion: String(revision) },
        items: node === undefined ? objects : objects.filter((o) => nodeOf(o) === node),
      };
    },
    request: async (_: string, path: string) => {
      if (fails()) throw new Error("no API server answers");
      const url = new URL(path, "http://x");
      const answer = await handler()({ query: url.searchParams } as never, {
        username: "system:kube-scheduler",
        groups: [],
      });
      return { status: 200, body: answer.body };
    },
  } as unknown as Client;
}

const nodeOf = (object: KubeObject): string => (object["spec"] as { nodeName?: string }).nodeName ?? "";

const step = fc.record({
  kind: fc.constantFrom("pods", "pods", "pods", "secrets", "services"),
  name: fc.integer({ min: 0, max: 5 }).map((n) => `o${n}`),
  action: fc.constantFrom("write", "write", "bind", "delete"),
  node: fc.constantFrom("n1", "n2"),
  event: fc.constantFrom(
    "",
    "",
    "",
    "",
    "",
    "",
    "flush",
    "pause",
    "leave",
    "back",
    "deafen",
    "hear",
    "restart",
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function perform(store: Store, { kind, name, action, node }: Step, serial: number): Promise<void> {
  const key = { resource: kind, namespace: "default", name };
  const have = await store.get(key);
  const metadata = { name, namespace: "default" };
  if (!have) {
    await store.create(
      key,
      JSON.stringify({ metadata: { ...metadata, uid: `u${serial}` }, spec: {}, serial }),
    );
    return;
  }
  const old = JSON.parse(have.body) as KubeObject & { spec: { nodeName?: string } };
  const body = { ...old, serial };
  if (action === "bind" && kind === "pods") body.spec = { nodeName: old.spec.nodeName ?? node };
  if (action === "delete") await store.delete(key, JSON.stringify(body), have.revision);
  else await store.update(key, JSON.stringify(body), have.revision);
}

const text = (object: KubeObject): string =>
  `${object.metadata.resourceVersion} ${object.metadata.uid} ${JSON.stringify(object["spec"])} ${String(object["serial"])}`;
const contents = (objects: Iterable<unknown>): Record<string, string> =>
  Object.fromEntries(
    [...(objects as Iterable<KubeObject>)]
      .map((o) => [keyOf(o), text(o)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

/** What a user of the informer knows who only ever looked at its events. */
function mirrorOf(informer: Informer<never>): Map<string, KubeObject> {
  const mirror = new Map<string, KubeObject>();
  (informer as unknown as Informer<KubeObject>).on({
    add: (object) => {
      expect(mirror.has(keyOf(object))).toBe(false);
      mirror.set(keyOf(object), object);
    },
    update: (object, old) => {
      expect(mirror.get(keyOf(object))).toBe(old);
      mirror.set(keyOf(object), object);
    },
    delete: (object) => expect(mirror.delete(keyOf(object))).toBe(true),
  });
  return mirror;
}

it("an informer's cache equals the store's list in the end, whatever the bus loses, repeats and reorders", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 80 }),
      fc.array(fc.constantFrom<Fate>("deliver", "deliver", "drop", "twice", "late"), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.boolean(),
      async (steps, fates, fromTheStart) => {
        let drawn = 0;
        const broker = createChaosBroker(() => fates[drawn++ % fates.length] ?? "deliver");
        const store = createMemoryStore();
        const stop = new AbortController();
        let replica = new AbortController();
        let cache: WatchCache;
        const startReplica = async (): Promise<void> => {
          replica.abort();
          replica = new AbortController();
          const fresh = createWatchCache(store, { historyEvents: 8 });
          await fresh.start(replica.signal);
          cache = fresh;
          startFeedPublisher({
            bus: broker.bus,
            cache,
            signal: replica.signal,
            tickMs: 2,
            timing: { greetingMs: 0 },
          });
          await new Promise((resolve) => setTimeout(resolve, 2));
        };
        await startReplica();
        let asked = 0;
        let calm = false;
        const client = createTestClient(
          () => cache,
          () => !calm && asked++ % 7 === 3,
        );
        const factory = createFeedInformerFactory({
          bus: broker.bus,
          client,
          log: pino({ level: "silent" }),
        });
        const informers: readonly (readonly [Informer<never>, (o: KubeObject) => boolean])[] = [
          [factory.for(pods) as Informer<never>, (): boolean => true],
          [factory.for(pods, { shard: "n1" }) as Informer<never>, (o) => nodeOf(o) === "n1"],
          [factory.for(pods, { shard: "_" }) as Informer<never>, (o) => nodeOf(o) === ""],
          [factory.for(secrets) as Informer<never>, () => true],
          [factory.for(services) as Informer<never>, () => true],
        ];
        const mirrors = informers.map(([informer]) => mirrorOf(informer));
        const started = factory.start(stop.signal);
        if (!fromTheStart) await started;

        for (const [i, s] of steps.entries()) {
          await perform(store, s, i);
          if (s.event === "flush") broker.flush();
          if (s.event === "pause") await new Promise((resolve) => setTimeout(resolve, 3));
          if (s.event === "leave") broker.leave();
          if (s.event === "back") broker.back();
          if (s.event === "deafen") broker.deafen();
          if (s.event === "hear") broker.hear();
          if (s.event === "restart") await startReplica();
        }
        calm = true;
        broker.calm();
        broker.flush();
        broker.back();
        await started;

        const { objects } = await store.snapshot();
        const expected = objects.map((o) => ({
          ...(JSON.parse(o.body) as KubeObject),
          resource: o.key.resource,
          resourceVersion: o.revision,
        }));
        for (const object of expected) object.metadata.resourceVersion = String(object.resourceVersion);
        for (const [i, [informer, belongs]] of informers.entries()) {
          const want = contents(
            expected.filter((o) => o.resource === informer.resource.plural && belongs(o)),
          );
          await expect.poll(() => contents(informer.list()), { timeout: 4_000, interval: 2 }).toEqual(want);
          expect(contents(mirrors[i]?.values() ?? [])).toEqual(want);
        }
        stop.abort();
        replica.abort();
      },
    ),
    { numRuns: Number(process.env["CORACLE_TEST_RUNS"] ?? 150) },
  );
}, 120_000);
