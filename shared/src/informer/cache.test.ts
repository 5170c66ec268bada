import { pino } from "pino";
import { expect, it } from "vitest";
import type { Pod } from "../api/generated/core-v1.ts";
import { nodes, pods } from "../api/resources.ts";
import type { KubeObject } from "../meta/object.ts";
import { createInformerCache } from "./cache.ts";
import { createInformerFactory } from "./factory.ts";

const log = pino({ level: "silent" });
const pod = (name: string, revision: number, more: { node?: string; labels?: object; uid?: string } = {}) =>
  ({
    metadata: {
      name,
      namespace: "ns",
      uid: more.uid ?? name,
      resourceVersion: String(revision),
      labels: more.labels,
    },
    spec: { nodeName: more.node },
  }) as unknown as Pod & KubeObject;

it("keeps indexes in step and answers from them", () => {
  const cache = createInformerCache(pods, {}, log);
  cache.upsert(pod("a", 1, { node: "n1" }));
  cache.addIndex("node", (p) => [p.spec?.nodeName ?? ""]);
  cache.upsert(pod("b", 2, { node: "n1" }));
  cache.upsert(pod("a", 3, { node: "n2" }));
  const names = (node: string) => cache.byIndex("node", node).map((p) => p.metadata.name);
  expect([names("n1"), names("n2"), names("n3")]).toEqual([["b"], ["a"], []]);
  cache.upsert(pod("b", 4, { node: "n1", labels: { x: "y" } }));
  expect(cache.byIndex("node", "n1")[0]?.metadata.labels).toEqual({ x: "y" });
  cache.remove("ns/b", 5);
  expect(names("n1")).toEqual([]);
  expect(() => cache.byIndex("nothing", "x")).toThrow(/no index/);
});

it("ignores what is old, and tells a new object of the same name as an end and a beginning", () => {
  const cache = createInformerCache(pods, {}, log);
  const seen: string[] = [];
  cache.upsert(pod("a", 5));
  const off = cache.on({
    add: (p) => seen.push(`add ${p.metadata.uid} ${p.metadata.resourceVersion}`),
    update: (p, old) => seen.push(`update ${old.metadata.resourceVersion}→${p.metadata.resourceVersion}`),
    delete: (p) => seen.push(`delete ${p.metadata.uid} ${p.metadata.resourceVersion}`),
  });
  cache.upsert(pod("a", 4));
  cache.remove("ns/a", 4);
  cache.upsert(pod("a", 6));
  cache.upsert(pod("a", 9, { uid: "new" }));
  cache.remove("ns/a", 7);
  off();
  cache.remove("ns/a", 10);
  expect(seen).toEqual(["add a 5", "update 5→6", "delete a 6", "add new 9"]);
  expect(cache.size).toBe(0);
});

it("lets an object that no longer matches go", () => {
  const cache = createInformerCache(
    pods,
    { namespace: "ns", labelSelector: "app=web", fieldSelector: "spec.nodeName=n1" },
    log,
  );
  cache.upsert(pod("a", 1, { node: "n1", labels: { app: "web" } }));
  expect(cache.size).toBe(1);
  cache.upsert(pod("a", 2, { node: "n1", labels: { app: "api" } }));
  expect(cache.size).toBe(0);
  cache.upsert(pod("b", 3, { node: "n2", labels: { app: "web" } }));
  expect(cache.size).toBe(0);
});

it("goes on when a handler fails, and replaces the whole state", () => {
  const cache = createInformerCache(pods, {}, log);
  const seen: string[] = [];
  cache.on({
    add: () => {
      throw new Error("broken");
    },
  });
  cache.on({ add: (p) => seen.push(`+${p.metadata.name}`), delete: (p) => seen.push(`-${p.metadata.name}`) });
  cache.upsert(pod("a", 1));
  cache.upsert(pod("b", 2));
  cache.upsert(pod("newer", 12));
  cache.replace([pod("b", 2), pod("c", 10)], 10);
  expect(seen).toEqual(["+a", "+b", "+newer", "+c", "-a"]);
  expect([...cache.list()].map((p) => [p.metadata.name, p.kind, p.apiVersion])).toEqual([
    ["b", "Pod", "v1"],
    ["newer", "Pod", "v1"],
    ["c", "Pod", "v1"],
  ]);
});

it("keeps nothing of managed fields, and of objects no more than is wanted", () => {
  const written = { ...pod("a", 1, { node: "n1" }) };
  written.metadata = { ...written.metadata, managedFields: [{ manager: "m" }] };
  const whole = createInformerCache(pods, {}, log);
  whole.upsert(structuredClone(written));
  expect(whole.get("ns/a")?.metadata.managedFields).toBeUndefined();
  expect(whole.get("ns/a")?.spec?.nodeName).toBe("n1");

  const metadata = createInformerCache(pods, { metadataOnly: true }, log);
  metadata.upsert(structuredClone(written));
  expect(metadata.get("ns/a")).toMatchObject({ kind: "Pod", metadata: { name: "a", uid: "a" } });
  expect(metadata.get("ns/a")).not.toHaveProperty("spec");

  const some = createInformerCache(pods, {}, log, ({ spec: _spec, ...rest }) => rest);
  some.upsert(structuredClone(written));
  expect(some.get("ns/a")).not.toHaveProperty("spec");
});

it("lets who wants metadata share what others want whole", () => {
  const made: string[] = [];
  const factory = createInformerFactory((resource, options) => {
    made.push(`${resource.plural} ${options.metadataOnly ?? false}`);
    return { cache: createInformerCache(resource, options, log), run: () => Promise.resolve() };
  });
  const whole = factory.for(pods);
  expect(factory.for(pods, { metadataOnly: true })).toBe(whole);
  const metadata = factory.for(nodes, { metadataOnly: true });
  expect(factory.for(nodes, { metadataOnly: true })).toBe(metadata);
  expect(factory.for(nodes)).not.toBe(metadata);
  expect(made).toEqual(["pods false", "nodes true", "nodes false"]);
});
