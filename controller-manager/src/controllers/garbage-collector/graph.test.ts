import { expect, test } from "vitest";
import { configMaps } from "@coracle/shared/api/resources.ts";
import { createGraph } from "./graph.ts";

const reference = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: "o" };
const object = (name: string, uid: string, namespace: string, owned = true) => ({
  metadata: { name, uid, namespace, ...(owned ? { ownerReferences: [reference] } : {}) },
});

function start() {
  const looks: string[] = [];
  const graph = createGraph({
    attemptDelete: (uid) => looks.push(uid),
    attemptOrphan: () => undefined,
    strayOwner: () => undefined,
  });
  return { graph, looks };
}

test("dependents that are known before their owner are its own when it comes, even if it was looked for in the wrong place", () => {
  const { graph, looks } = start();
  graph.upsert(configMaps, object("stray", "s", "other"));
  graph.upsert(configMaps, object("child", "c", "shop"));
  graph.missed("o");
  graph.remove("s");
  graph.upsert(configMaps, object("owner", "o", "shop", false));
  looks.length = 0;
  graph.remove("o");
  expect(looks).toEqual(["c"]);
});

test("an owner that nobody names any more is forgotten", () => {
  const { graph } = start();
  graph.upsert(configMaps, object("child", "c", "shop"));
  graph.missed("o");
  graph.remove("c");
  expect(graph.size).toBe(0);
});
