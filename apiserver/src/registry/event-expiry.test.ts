import { expect, test } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { raw, rawPatch } from "../testing/raw.ts";
import { removeOld } from "./event-expiry.ts";

test("events are removed when they have run out, unless they were written to since", async () => {
  await using api = await startInProcess();
  const path = "/api/v1/namespaces/default/events";
  const make = async (name: string) => {
    const body = { metadata: { name }, involvedObject: { kind: "Pod", namespace: "default", name: "p" } };
    const { body: made } = await raw(api, "POST", path, { body });
    return {
      key: { resource: "events", namespace: "default", name },
      revision: Number(made.metadata.resourceVersion),
      until: 0,
    };
  };
  const queue = [await make("old"), await make("written"), { ...(await make("young")), until: Infinity }];
  await rawPatch(api, "merge", `${path}/written`, { count: 2 });
  await removeOld(api.registry, queue);
  await api.registry.cache.waitFor(await api.registry.store.revision());
  const left = [...api.registry.cache.all("events")].map((e) => e.key.name);
  expect(left.toSorted()).toEqual(["written", "young"]);
  expect(queue.map((e) => e.key.name)).toEqual(["young"]);
});
