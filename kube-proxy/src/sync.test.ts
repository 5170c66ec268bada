import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import { endpointSlices, nodes, services } from "@coracle/shared/api/resources.ts";
import { createInformerCache } from "@coracle/shared/informer/cache.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Backend } from "./backends/backend.ts";
import type { Fragment } from "./rules.ts";
import { startSync } from "./sync.ts";

const log = pino({ level: "silent" });
const service = (name: string, address: string, revision: number, externalIPs: string[] = []) =>
  ({
    metadata: { name, namespace: "shop", uid: name, resourceVersion: String(revision) },
    spec: { clusterIP: address, clusterIPs: [address], externalIPs, ports: [{ port: 80, protocol: "TCP" }] },
  }) as Service & KubeObject;

/** A proxy whose backend notes which addresses it serves, as its kernel would. */
function start(lookMs: number) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const cache = createInformerCache(services, {}, log);
  const kernel = { addresses: undefined as Set<string> | undefined, replaced: 0 };
  const write = (kept: Iterable<string>, added: Iterable<Fragment>): Promise<void> => {
    const all = [...kept, ...[...added].flatMap((f) => [...f.services.keys()])];
    if (new Set(all).size < all.length) return Promise.reject(new Error("File exists"));
    kernel.addresses = new Set(all);
    return Promise.resolve();
  };
  const backend: Backend = {
    replace(fragments) {
      kernel.replaced += 1;
      return write([], fragments);
    },
    apply(changes) {
      const gone = new Set(changes.flatMap(({ before }) => [...before.services.keys()]));
      return write(
        [...(kernel.addresses ?? [])].filter((key) => !gone.has(key)),
        changes.map(({ after }) => after),
      );
    },
    isIntact: () => Promise.resolve(kernel.addresses !== undefined),
    cleanUp: () => Promise.resolve(),
  };
  startSync({
    nodeName: "node-1",
    podCidr: "10.244.0.0/16",
    services: cache,
    slices: createInformerCache(endpointSlices, {}, log),
    nodes: createInformerCache(nodes, {}, log),
    backend,
    forgetFlows: () => Promise.resolve(),
    log,
    signal: stop.signal,
    lookMs,
    onSynced: () => undefined,
  })();
  return { cache, kernel };
}

test("rules that somebody took away are written anew", async () => {
  const { cache, kernel } = start(5);
  cache.upsert(service("a", "10.96.0.7", 1));
  await expect.poll(() => [...(kernel.addresses ?? [])]).toEqual(["10.96.0.7 . tcp . 80"]);
  const before = kernel.replaced;
  kernel.addresses = undefined;
  await expect.poll(() => [...(kernel.addresses ?? [])]).toEqual(["10.96.0.7 . tcp . 80"]);
  expect(kernel.replaced).toBe(before + 1);
});

test("a change is written alone", async () => {
  const { cache, kernel } = start(60_000);
  cache.upsert(service("a", "10.96.0.7", 1));
  await expect.poll(() => kernel.addresses?.size).toBe(1);
  const before = kernel.replaced;
  cache.upsert(service("b", "10.96.0.8", 2));
  cache.remove("shop/a", 3);
  await expect.poll(() => [...(kernel.addresses ?? [])]).toEqual(["10.96.0.8 . tcp . 80"]);
  expect(kernel.replaced).toBe(before);
});

test("an address that several Services name is one's, and another's when that lets it go; the rest is written all the same", async () => {
  const { cache, kernel } = start(60_000);
  const shared = ["192.0.2.7"];
  cache.upsert(service("a", "10.96.0.7", 1, shared));
  cache.upsert(service("b", "10.96.0.8", 2, shared));
  const all = ["10.96.0.7 . tcp . 80", "10.96.0.8 . tcp . 80", "192.0.2.7 . tcp . 80"];
  const served = (): string[] => [...(kernel.addresses ?? [])].toSorted();
  await expect.poll(served).toEqual(all);
  cache.upsert(service("c", "10.96.0.9", 3, [...shared, "10.96.0.7"]));
  await expect.poll(served).toEqual([...all.slice(0, 2), "10.96.0.9 . tcp . 80", "192.0.2.7 . tcp . 80"]);
  cache.upsert(service("a", "10.96.0.7", 4));
  cache.remove("shop/b", 5);
  await expect.poll(served).toEqual(["10.96.0.7 . tcp . 80", "10.96.0.9 . tcp . 80", "192.0.2.7 . tcp . 80"]);
  expect(kernel.replaced).toBe(1);
});
