import { describe, expect, it } from "vitest";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const deployments = "/apis/apps/v1/namespaces/default/deployments";

type Api = Awaited<ReturnType<typeof startInProcess>>;
const make = async (api: Api): Promise<KubeObject> =>
  (await raw(api, "POST", maps, { body: { metadata: { name: "a" }, data: { k: "v" } } })).body;
const deployment = (replicas: number): object => ({
  metadata: { name: "web" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "a" } },
    template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
});

describe("update", () => {
  it("replaces the object and moves its revision on", async () => {
    await using api = await startInProcess();
    const old = await make(api);
    const { status, body } = await raw(api, "PUT", `${maps}/a`, { body: { ...old, data: { k: "w" } } });
    expect(status).toBe(200);
    expect(body["data"]).toEqual({ k: "w" });
    expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(Number(old.metadata.resourceVersion));
    expect(body.metadata.uid).toBe(old.metadata.uid);
    expect(body.metadata.creationTimestamp).toBe(old.metadata.creationTimestamp);
  });

  it("makes every one of many updates at once that name no state", async () => {
    await using api = await startInProcess();
    await make(api);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        raw(api, "PUT", `${maps}/a`, { body: { metadata: { name: "a" }, data: { k: `${i}` } } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  it("refuses an update of an old state, and makes it when none is named", async () => {
    await using api = await startInProcess();
    const old = await make(api);
    await raw(api, "PUT", `${maps}/a`, { body: { ...old, data: { k: "w" } } });
    const late = await raw(api, "PUT", `${maps}/a`, { body: { ...old, data: { k: "x" } } });
    expect(late.body).toMatchObject({
      code: 409,
      reason: "Conflict",
      message:
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    });
    const { resourceVersion: _, ...metadata } = old.metadata;
    const blind = await raw(api, "PUT", `${maps}/a`, { body: { ...old, metadata, data: { k: "y" } } });
    expect(blind.body["data"]).toEqual({ k: "y" });
  });

  it("makes no revision when nothing changes", async () => {
    await using api = await startInProcess();
    const old = await make(api);
    const before = await api.registry.store.revision();
    const { body } = await raw(api, "PUT", `${maps}/a`, { body: old });
    expect(body).toEqual(old);
    expect(await api.registry.store.revision()).toBe(before);
  });

  it("refuses another name, namespace or uid", async () => {
    await using api = await startInProcess();
    const old = await make(api);
    const put = (metadata: object) =>
      raw(api, "PUT", `${maps}/a`, { body: { ...old, metadata: { ...old.metadata, ...metadata } } });
    expect((await put({ name: "b" })).body).toMatchObject({
      code: 400,
      message: "the name of the object (b) does not match the name on the URL (a)",
    });
    expect((await put({ namespace: "other" })).body).toMatchObject({
      code: 400,
      message: "the namespace of the provided object does not match the namespace sent on the request",
    });
    const other = await put({ uid: "00000000-0000-0000-0000-000000000000" });
    expect(other.body).toMatchObject({ code: 409, reason: "Conflict" });
    expect(other.body.message).toContain("Precondition failed: UID in precondition: 0000");
  });

  it("answers 404 for what does not exist, unless the kind may be created so", async () => {
    await using api = await startInProcess();
    const body = { metadata: { name: "x" } };
    expect((await raw(api, "PUT", `${maps}/x`, { body })).body).toMatchObject({
      code: 404,
      message: 'configmaps "x" not found',
    });
    const lease = await raw(api, "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/x", { body });
    expect(lease.status).toBe(201);
  });

  it("demands a resourceVersion for kinds that cannot be overwritten blindly", async () => {
    await using api = await startInProcess();
    const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    await raw(api, "POST", path, { body: { metadata: { name: "x" } } });
    const { body } = await raw(api, "PUT", `${path}/x`, {
      body: { metadata: { name: "x" }, spec: { holderIdentity: "me" } },
    });
    expect(body).toMatchObject({ code: 422, reason: "Invalid" });
    expect(body.message).toContain(
      "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",
    );
  });

  it("keeps status out of the object's updates, and the rest out of status updates", async () => {
    await using api = await startInProcess();
    const { body: made } = await raw(api, "POST", deployments, { body: deployment(1) });
    const { body: afterMain } = await raw(api, "PUT", `${deployments}/web`, {
      body: { ...made, status: { replicas: 5 } },
    });
    expect(afterMain["status"]).toEqual({});
    const { body: afterStatus } = await raw(api, "PUT", `${deployments}/web/status`, {
      body: {
        ...afterMain,
        metadata: { ...afterMain.metadata, labels: { a: "b" } },
        spec: { ...(afterMain["spec"] as object), replicas: 7 },
        status: { replicas: 5, observedGeneration: 1 },
      },
    });
    expect(afterStatus["status"]).toMatchObject({ replicas: 5 });
    expect(afterStatus["spec"]).toMatchObject({ replicas: 1 });
    expect(afterStatus.metadata.labels).toBeUndefined();
    expect(afterStatus.metadata.generation).toBe(1);
  });

  it("raises the generation with the spec only", async () => {
    await using api = await startInProcess();
    const { body: made } = await raw(api, "POST", deployments, { body: deployment(1) });
    const labelled = await raw(api, "PUT", `${deployments}/web`, {
      body: { ...made, metadata: { ...made.metadata, labels: { a: "b" } } },
    });
    expect(labelled.body.metadata.generation).toBe(1);
    const scaled = await raw(api, "PUT", `${deployments}/web`, {
      body: { ...labelled.body, spec: { ...(labelled.body["spec"] as object), replicas: 3 } },
    });
    expect(scaled.body.metadata.generation).toBe(2);
  });

  it("does what a dry run says without storing it", async () => {
    await using api = await startInProcess();
    const old = await make(api);
    const { body } = await raw(api, "PUT", `${maps}/a?dryRun=All`, { body: { ...old, data: { k: "w" } } });
    expect(body["data"]).toEqual({ k: "w" });
    expect((await raw(api, "GET", `${maps}/a`)).body["data"]).toEqual({ k: "v" });
  });
});
