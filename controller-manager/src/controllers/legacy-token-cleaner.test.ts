import { configMaps, pods, secrets, serviceAccounts } from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { expect, test } from "vitest";
import { NAMESPACE, startHarness } from "../testing/harness.ts";
import { fateOf, legacyTokenCleaner } from "./legacy-token-cleaner.ts";

const LAST_USED = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";

test.each([
  ["is kept while it is new", {}, "2026-06-01", "keep"],
  ["is refused when nobody has ever used it", {}, "2024-01-01", "invalidate"],
  ["is kept while it is used", { [LAST_USED]: "2026-02-01" }, "2024-01-01", "keep"],
  ["is refused when it was used long ago", { [LAST_USED]: "2025-12-31" }, "2024-01-01", "invalidate"],
  ["is kept a while after it was refused", { [INVALID_SINCE]: "2026-02-01" }, "2024-01-01", "keep"],
  ["goes in the end", { [INVALID_SINCE]: "2025-12-31" }, "2024-01-01", "delete"],
  [
    "is good again when it was used after all",
    { [INVALID_SINCE]: "2025-12-31", [LAST_USED]: "2026-02-01" },
    "2024-01-01",
    "revive",
  ],
])("a token %s", (_what, labels, created, fate) => {
  const metadata = { name: "t", labels, creationTimestamp: `${created}T00:00:00Z` };
  expect(fateOf({ metadata }, new Date("2026-01-01T00:00:00Z"))).toBe(fate);
});

test("of unused tokens those go that were made by themselves and that no pod mounts", async () => {
  await using h = await startHarness({
    controllers: [],
    loops: [legacyTokenCleaner({ periodMs: 0, everyMs: 20 })],
  });
  const token = async (name: string, labels = {}): Promise<void> => {
    const annotations = { "kubernetes.io/service-account.name": "robot" };
    await h.client.create(secrets, {
      metadata: { name, namespace: NAMESPACE, labels, annotations },
      type: "kubernetes.io/service-account-token",
    });
  };
  const at = (name: string) => ({ name, namespace: NAMESPACE });
  const listed = ["unused", "refused", "mounted"].map((name) => ({ name }));
  await h.client.create(serviceAccounts, { metadata: at("robot"), secrets: listed });
  await h.client.create(pods, {
    metadata: at("reader"),
    spec: {
      containers: [{ name: "c", image: "x" }],
      volumes: [{ name: "v", secret: { secretName: "mounted" } }],
    },
  });
  await token("asked-for");
  await token("mounted");
  await token("unused");
  await token("refused", { [INVALID_SINCE]: "2020-01-01" });
  await h.client.create(configMaps, {
    metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
    data: { since: "2020-01-01" },
  });
  const invalid = async (name: string): Promise<string | undefined> =>
    (await h.client.get(secrets, at(name))).metadata.labels?.[INVALID_SINCE];
  await h.eventually("the unused one is refused", () => invalid("unused"));
  await h.eventually("the refused one is gone", () =>
    h.client.get(secrets, at("refused")).then(
      () => false,
      (error: unknown) => isNotFound(error),
    ),
  );
  expect(await invalid("asked-for")).toBeUndefined();
  expect(await invalid("mounted")).toBeUndefined();
});

test("a failed round is tried again soon, and the pods of a namespace are listed once in a round", async () => {
  await using h = await startHarness({ controllers: [] });
  const names = ["one", "two"];
  for (const name of names)
    await h.client.create(secrets, {
      metadata: {
        name,
        namespace: NAMESPACE,
        annotations: { "kubernetes.io/service-account.name": "robot" },
      },
      type: "kubernetes.io/service-account-token",
    });
  await h.client.create(serviceAccounts, {
    metadata: { name: "robot", namespace: NAMESPACE },
    secrets: names.map((name) => ({ name })),
  });
  await h.client.create(configMaps, {
    metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
    data: { since: "2020-01-01" },
  });
  let podLists = 0;
  let failures = 0;
  const list: typeof h.client.list = (resource, options) => {
    if (resource.plural === "pods") podLists += 1;
    if (resource.plural === "secrets" && failures++ === 0) return Promise.reject(new Error("not now"));
    return h.client.list(resource, options);
  };
  const client = { ...h.client, list };
  void legacyTokenCleaner({ periodMs: 0, retryMs: 10 }).run({ ...h.ctx, client });
  const refused = async (name: string): Promise<boolean> =>
    (await h.client.get(secrets, { name, namespace: NAMESPACE })).metadata.labels?.[INVALID_SINCE] !==
    undefined;
  await h.eventually("both are refused", async () => (await refused("one")) && (await refused("two")));
  expect(podLists).toBe(1);
});
