import { describe, expect, it } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { raw, rawPatch } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";
type Api = Awaited<ReturnType<typeof startInProcess>>;

const make = (api: Api, name: string, metadata: object = {}) =>
  raw(api, "POST", maps, { body: { metadata: { name, ...metadata } } });
const makePod = async (api: Api, node?: string) => {
  await raw(api, "POST", pods, {
    body: { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } },
  });
  if (node) await raw(api, "POST", `${pods}/p/binding`, { body: { target: { kind: "Node", name: node } } });
};

describe("delete", () => {
  it("takes the object away and answers Success", async () => {
    await using api = await startInProcess();
    const { body: made } = await make(api, "a");
    const { status, body } = await raw(api, "DELETE", `${maps}/a`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: "Status",
      status: "Success",
      details: { name: "a", kind: "configmaps", uid: made.metadata.uid },
    });
    expect((await raw(api, "GET", `${maps}/a`)).status).toBe(404);
    expect((await raw(api, "DELETE", `${maps}/a`)).body).toMatchObject({ code: 404, reason: "NotFound" });
  });

  it("keeps an object until its last finalizer is taken off", async () => {
    await using api = await startInProcess();
    await make(api, "a", { finalizers: ["example.com/x"] });
    const { body: marked } = await raw(api, "DELETE", `${maps}/a`);
    expect(marked.kind).toBe("ConfigMap");
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    expect(marked.metadata.deletionGracePeriodSeconds).toBe(0);
    const added = await rawPatch(api, "merge", `${maps}/a`, {
      metadata: { finalizers: ["example.com/x", "example.com/y"] },
    });
    expect(added.body).toMatchObject({ code: 422 });
    expect(added.body.message).toContain("no new finalizers can be added if the object is being deleted");
    const { body: last } = await rawPatch(api, "merge", `${maps}/a`, { metadata: { finalizers: null } });
    expect(last.metadata.name).toBe("a");
    expect((await raw(api, "GET", `${maps}/a`)).status).toBe(404);
  });

  it("answers 202 to the old wish to take dependents along, while something holds the object", async () => {
    await using api = await startInProcess();
    await make(api, "held", { finalizers: ["example.com/x"] });
    await make(api, "free");
    const cascade = (name: string) =>
      raw(api, "DELETE", `${maps}/${name}`, { body: { orphanDependents: false } });
    expect(await cascade("held")).toMatchObject({ status: 202, body: { kind: "ConfigMap" } });
    expect((await cascade("free")).status).toBe(200);
  });

  it("marks what its propagation policy says for the garbage collector", async () => {
    await using api = await startInProcess();
    for (const [policy, finalizer] of [
      ["Foreground", "foregroundDeletion"],
      ["Orphan", "orphan"],
    ] as const) {
      await make(api, finalizer.toLowerCase());
      const { body } = await raw(api, "DELETE", `${maps}/${finalizer.toLowerCase()}`, {
        body: { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: policy },
      });
      expect(body.metadata.finalizers).toEqual([finalizer]);
      expect(body.metadata.deletionTimestamp).toBeDefined();
    }
    await make(api, "b");
    const background = await raw(api, "DELETE", `${maps}/b?propagationPolicy=Background`);
    expect(background.body).toMatchObject({ status: "Success" });
    const unknown = await raw(api, "DELETE", `${maps}/b?propagationPolicy=Sideways`);
    expect(unknown.body).toMatchObject({ code: 422, reason: "Invalid" });
  });

  it("warns who deletes a job without saying what becomes of its pods", async () => {
    await using api = await startInProcess();
    const jobs = "/apis/batch/v1/namespaces/default/jobs";
    const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
    const make = (name: string) =>
      raw(api, "POST", jobs, { body: { metadata: { name }, spec: { template } } });
    for (const name of ["a", "b", "c"]) expect((await make(name)).status).toBe(201);
    const said = await raw(api, "DELETE", `${jobs}/a?propagationPolicy=Background`);
    expect(said.headers["warning"]).toBeUndefined();
    for (const target of [`${jobs}/b`, jobs])
      expect((await raw(api, "DELETE", target)).headers["warning"]).toContain(
        "child pods are preserved by default when jobs are deleted",
      );
  });

  it("holds to its preconditions", async () => {
    await using api = await startInProcess();
    const { body: made } = await make(api, "a");
    const remove = (preconditions: object) => raw(api, "DELETE", `${maps}/a`, { body: { preconditions } });
    expect((await remove({ uid: "other" })).body).toMatchObject({ code: 409, reason: "Conflict" });
    expect((await remove({ resourceVersion: "1" })).body).toMatchObject({ code: 409, reason: "Conflict" });
    const { uid, resourceVersion } = made.metadata;
    expect((await remove({ uid, resourceVersion })).status).toBe(200);
  });

  it("does nothing on a dry run", async () => {
    await using api = await startInProcess();
    await make(api, "a");
    expect((await raw(api, "DELETE", `${maps}/a?dryRun=All`)).status).toBe(200);
    expect((await raw(api, "GET", `${maps}/a`)).status).toBe(200);
  });

  it("removes a pod without a node at once", async () => {
    await using api = await startInProcess();
    await makePod(api);
    await raw(api, "DELETE", `${pods}/p`);
    expect((await raw(api, "GET", `${pods}/p`)).status).toBe(404);
  });

  it("lets a pod on a node end with its grace, which can be shortened, until the kubelet deletes it", async () => {
    await using api = await startInProcess();
    await makePod(api, "node-1");
    const { body: first } = await raw(api, "DELETE", `${pods}/p`);
    expect(first.metadata.deletionGracePeriodSeconds).toBe(30);
    const { body: longer } = await raw(api, "DELETE", `${pods}/p?gracePeriodSeconds=100`);
    expect(longer.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(longer.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const { body: shorter } = await raw(api, "DELETE", `${pods}/p?gracePeriodSeconds=5`);
    expect(shorter.metadata.deletionGracePeriodSeconds).toBe(5);
    const [before = 0, after = 0] = [first, shorter].map((o) =>
      Date.parse(o.metadata.deletionTimestamp ?? ""),
    );
    expect(before - after).toBe(25_000);
    const { body: gone } = await raw(api, "DELETE", `${pods}/p`, { body: { gracePeriodSeconds: 0 } });
    expect(gone.metadata.name).toBe("p");
    expect((await raw(api, "GET", `${pods}/p`)).status).toBe(404);
  });

  it("makes a namespace Terminating until its spec's finalizers are gone", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", "/api/v1/namespaces", { body: { metadata: { name: "n" } } });
    const { body } = await raw(api, "DELETE", "/api/v1/namespaces/n");
    expect(body["status"]).toEqual({ phase: "Terminating" });
    expect(body["spec"]).toEqual({ finalizers: ["kubernetes"] });
    const done = await raw(api, "PUT", "/api/v1/namespaces/n/finalize", {
      body: { ...body, spec: { finalizers: [] } },
    });
    expect(done.status).toBe(200);
    expect((await raw(api, "GET", "/api/v1/namespaces/n")).status).toBe(404);
  });
});

describe("deletecollection", () => {
  it("deletes what its selector matches and answers with the list", async () => {
    await using api = await startInProcess();
    for (const name of ["a", "b", "c"]) await make(api, name, { labels: { odd: String(name !== "b") } });
    const { status, body } = await raw<{ items: { metadata: { name: string } }[] }>(
      api,
      "DELETE",
      `${maps}?labelSelector=odd%3Dtrue`,
    );
    expect(status).toBe(200);
    expect(body.items.map((i) => i.metadata.name)).toEqual(["a", "c"]);
    const { body: left } = await raw<{ items: { metadata: { name: string } }[] }>(api, "GET", maps);
    expect(left.items.map((i) => i.metadata.name)).toEqual(["b"]);
  });
});
