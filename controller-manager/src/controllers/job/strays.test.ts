import { pino } from "pino";
import { expect, test } from "vitest";
import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import { pods } from "@coracle/shared/api/resources.ts";
import { createInformerCache } from "@coracle/shared/informer/cache.ts";
import { FINALIZER } from "./pods.ts";
import { indexTracked, strays } from "./strays.ts";

const labels = { "batch.kubernetes.io/job-name": "sum" };
const job: Job = {
  metadata: { name: "sum", namespace: "shop", uid: "j" },
  spec: { selector: { matchLabels: labels }, template: { spec: { containers: [] } } },
};
const ownedBy = (uid: string): ObjectMeta => ({
  ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: "sum", uid, controller: true }],
});

test("stray is a tracked pod that no Job controls or may still adopt", () => {
  const cache = createInformerCache(pods, {}, pino({ level: "silent" }));
  indexTracked(cache);
  const add = (name: string, more: ObjectMeta): void =>
    cache.upsert({
      metadata: {
        name,
        namespace: "shop",
        uid: name,
        resourceVersion: "1",
        finalizers: [FINALIZER],
        labels,
        ...more,
      },
    } satisfies Pod);
  add("own", ownedBy("j"));
  add("of-an-earlier-one", ownedBy("i"));
  add("to-adopt", {});
  add("going", { deletionTimestamp: "2026-11-29T00:00:00Z" });
  add("untracked", { finalizers: [], ...ownedBy("i") });
  const names = (of: Job | undefined): string[] =>
    strays(cache, "shop/sum", of).map(({ metadata }) => metadata.name ?? "");
  expect(names(job)).toEqual(["of-an-earlier-one", "going"]);
  expect(names(undefined)).toEqual(["own", "of-an-earlier-one", "to-adopt", "going"]);
});
