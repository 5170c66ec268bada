import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Namespace, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { NetworkPolicy } from "@coracle/shared/api/generated/networking-v1.ts";
import { namespaces, networkPolicies, pods } from "@coracle/shared/api/resources.ts";
import { createInformerCache } from "@coracle/shared/informer/cache.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { startEnforcer } from "./enforcer.ts";
import { removal } from "./ruleset.ts";

const log = pino({ level: "silent" });
let revision = 0;
const stamped = <T extends { readonly metadata: object }>(object: T): T & KubeObject => {
  revision += 1;
  const metadata = { ...object.metadata, resourceVersion: String(revision), generation: revision };
  return { ...object, metadata };
};
const pod = (name: string, address: string, app: string, nodeName = "node-1"): Pod & KubeObject =>
  stamped({
    metadata: { name, namespace: "shop", labels: { app } },
    spec: { nodeName, containers: [] },
    status: { phase: "Running", podIP: address },
  });
const policy: NetworkPolicy = {
  metadata: { name: "db", namespace: "shop" },
  spec: {
    podSelector: { matchLabels: { app: "db" } },
    policyTypes: ["Ingress"],
    ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }],
  },
};

function start() {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const caches = {
    policies: createInformerCache(networkPolicies, {}, log),
    pods: createInformerCache(pods, {}, log),
    namespaces: createInformerCache(namespaces, {}, log),
  };
  for (const cache of [caches.policies, caches.pods])
    cache.addIndex("namespace", ({ metadata }: KubeObject) => [metadata.namespace ?? ""]);
  caches.pods.addIndex("node", ({ spec }) => [spec?.nodeName ?? ""]);
  caches.namespaces.upsert(stamped<Namespace>({ metadata: { name: "shop" } }));
  const written: string[] = [];
  const kernel = { fails: false, listing: "ip daddr vmap @ingress" };
  startEnforcer({
    nodeName: "node-1",
    ...caches,
    lookMs: 20,
    run(commands) {
      if (commands.startsWith("list")) return Promise.resolve(kernel.listing);
      if (kernel.fails) return Promise.reject(new Error("no"));
      written.push(commands);
      return Promise.resolve("");
    },
    log,
    signal: stop.signal,
  });
  const next = async (act: () => void): Promise<string> => {
    const { length } = written;
    act();
    await vi.waitFor(() => expect(written.length).toBeGreaterThan(length));
    return written.slice(length).join("");
  };
  return { caches, written, kernel, next };
}

test("another pod's coming and going is a change of one set, and of nothing else", async () => {
  const { caches, next, written } = start();
  caches.pods.upsert(pod("db", "10.244.0.2", "db"));
  const whole = await next(() => caches.policies.upsert(stamped(policy)));
  expect(whole).toContain("10.244.0.2 : jump ingress-");
  expect(whole).toMatch(/^add table ip coracle_policy/m);
  const web = pod("web", "10.244.1.9", "web", "node-2");
  expect(await next(() => caches.pods.upsert(web))).toMatch(
    /^add element ip coracle_policy peers-\w+ \{ 10\.244\.1\.9 \}\n$/,
  );
  const { length } = written;
  caches.pods.upsert(pod("other", "10.244.1.10", "other", "node-2"));
  expect(await next(() => caches.pods.remove("shop/web", revision + 1))).toMatch(
    /^delete element ip coracle_policy peers-\w+ \{ 10\.244\.1\.9 \}\n$/,
  );
  expect(written.length).toBe(length + 1);
});

test("the last policy takes the table with it", async () => {
  const { caches, next } = start();
  caches.pods.upsert(pod("db", "10.244.0.2", "db"));
  await next(() => caches.policies.upsert(stamped(policy)));
  expect(await next(() => caches.policies.remove("shop/db", revision + 1))).toBe(removal);
});

test("what the kernel refused is written anew as a whole", async () => {
  const { caches, kernel, next } = start();
  caches.pods.upsert(pod("db", "10.244.0.2", "db"));
  await next(() => caches.policies.upsert(stamped(policy)));
  kernel.fails = true;
  caches.pods.upsert(pod("db-2", "10.244.0.3", "db"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const again = await next(() => (kernel.fails = false));
  expect(again).toMatch(/^add table ip coracle_policy\ndelete table ip coracle_policy$/m);
  expect(again).toContain("10.244.0.2 : jump");
  expect(again).toContain("10.244.0.3 : jump");
});

test("rules that somebody took away are written anew", async () => {
  const { caches, kernel, next } = start();
  caches.pods.upsert(pod("db", "10.244.0.2", "db"));
  await next(() => caches.policies.upsert(stamped(policy)));
  const again = await next(() => (kernel.listing = "chain forward-ingress {}"));
  kernel.listing = "ip daddr vmap @ingress";
  expect(again).toContain("10.244.0.2 : jump ingress-");
});
