import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { describe, expect, it } from "vitest";
import { startInProcess } from "../../testing/in-process.ts";
import { raw, rawPatch } from "../../testing/raw.ts";

const pods = "/api/v1/namespaces/default/pods";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
type Api = Awaited<ReturnType<typeof startInProcess>>;

const makePod = (api: Api, name = "p", labels = { app: "a" }) =>
  raw(api, "POST", pods, {
    body: { metadata: { name, labels }, spec: { containers: [{ name: "c", image: "i" }] } },
  });
const bind = (api: Api, node: string, name = "p") =>
  raw(api, "POST", `${pods}/${name}/binding`, { body: { target: { kind: "Node", name: node } } });

describe("binding", () => {
  it("gives a pod its node once", async () => {
    await using api = await startInProcess();
    await makePod(api);
    expect((await bind(api, "node-1")).body).toMatchObject({ kind: "Status", status: "Success", code: 201 });
    const { body } = await raw(api, "GET", `${pods}/p`);
    expect(body["spec"]).toMatchObject({ nodeName: "node-1" });
    expect(body["status"]).toMatchObject({ conditions: [{ type: "PodScheduled", status: "True" }] });
    const again = await bind(api, "node-2");
    expect(again.body).toMatchObject({
      code: 409,
      reason: "Conflict",
      message:
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "node-1"',
    });
    expect((await bind(api, "node-1", "q")).body).toMatchObject({ code: 404 });
    expect((await bind(api, "", "p")).body).toMatchObject({ code: 422 });
  });

  it("settles the promise of a node that preemption had made", async () => {
    await using api = await startInProcess();
    await makePod(api);
    await rawPatch(api, "merge", `${pods}/p/status`, { status: { nominatedNodeName: "node-2" } });
    await bind(api, "node-1");
    expect((await raw(api, "GET", `${pods}/p`)).body["status"]).not.toHaveProperty("nominatedNodeName");
  });

  it("is also served as a resource of its own", async () => {
    await using api = await startInProcess();
    await makePod(api);
    const { status } = await raw(api, "POST", "/api/v1/namespaces/default/bindings", {
      body: { metadata: { name: "p" }, target: { name: "node-1" } },
    });
    expect(status).toBe(201);
    expect((await raw(api, "GET", `${pods}/p`)).body["spec"]).toMatchObject({ nodeName: "node-1" });
  });
});

describe("scale", () => {
  const deployment = {
    metadata: { name: "web" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "a" } },
      template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  };

  it("reads and writes the number of replicas", async () => {
    await using api = await startInProcess();
    const { body: made } = await raw(api, "POST", deployments, { body: deployment });
    const { body: scale } = await raw(api, "GET", `${deployments}/web/scale`);
    expect(scale).toMatchObject({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: { name: "web", namespace: "default", uid: made.metadata.uid },
      spec: { replicas: 2 },
      status: { replicas: 0, selector: "app=a" },
    });
    const put = await raw(api, "PUT", `${deployments}/web/scale`, {
      body: { ...scale, spec: { replicas: 5 } },
    });
    expect(put.body["spec"]).toEqual({ replicas: 5 });
    const late = await raw(api, "PUT", `${deployments}/web/scale`, {
      body: { ...scale, spec: { replicas: 6 } },
    });
    expect(late.body).toMatchObject({ code: 409, reason: "Conflict" });
    const patched = await rawPatch(api, "merge", `${deployments}/web/scale`, { spec: { replicas: 1 } });
    expect(patched.body["spec"]).toEqual({ replicas: 1 });
    const { body: after } = await raw(api, "GET", `${deployments}/web`);
    expect(after["spec"]).toMatchObject({ replicas: 1 });
    expect(after.metadata.generation).toBe(3);
    const negative = await rawPatch(api, "merge", `${deployments}/web/scale`, { spec: { replicas: -1 } });
    expect(negative.body).toMatchObject({ code: 422, reason: "Invalid" });
  });

  it("is applied: who applies a number owns it, and others must ask", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", deployments, {
      body: {
        metadata: { name: "web" },
        spec: {
          replicas: 2,
          selector: { matchLabels: { a: "b" } },
          template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
        },
      },
    });
    const apply = (manager: string, spec: object, more = "") =>
      rawPatch(api, "apply", `${deployments}/web/scale?fieldManager=${manager}${more}`, {
        apiVersion: "autoscaling/v1",
        kind: "Scale",
        metadata: { name: "web" },
        spec,
      });
    const refused = await apply("one", { replicas: 3 });
    expect(refused.body).toMatchObject({ code: 409, details: { causes: [{ field: ".spec.replicas" }] } });
    expect((await apply("one", { replicas: 3 }, "&force=true")).body).toMatchObject({
      kind: "Scale",
      spec: { replicas: 3 },
    });
    const other = await apply("two", { replicas: 4 });
    expect(other.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "one" with subresource "scale": .spec.replicas',
    );
    expect((await apply("two", { size: 4 })).body.message).toContain(
      ".spec.size: field not declared in schema",
    );
    const { body } = await raw(api, "GET", `${deployments}/web`);
    expect(body.metadata.managedFields).toContainEqual(
      expect.objectContaining({
        manager: "one",
        operation: "Apply",
        apiVersion: "apps/v1",
        subresource: "scale",
        fieldsV1: { "f:spec": { "f:replicas": {} } },
      }),
    );
  });
});

describe("eviction", () => {
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const evict = (api: Api, name = "p") =>
    raw(api, "POST", `${pods}/${name}/eviction`, {
      body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: "default" } },
    });
  const run = async (api: Api, name: string) => {
    await makePod(api, name);
    await bind(api, "node-1", name);
    await rawPatch(api, "merge", `${pods}/${name}/status`, {
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    });
  };

  it("deletes a pod that no budget protects", async () => {
    await using api = await startInProcess();
    await run(api, "p");
    expect((await evict(api)).body).toMatchObject({ status: "Success", code: 201 });
    const { body } = await raw<Pod>(api, "GET", `${pods}/p`);
    expect(body.metadata.deletionTimestamp).toBeDefined();
    expect(body.status?.conditions).toContainEqual({
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
      observedGeneration: 1,
      lastTransitionTime: expect.any(String),
    });
  });

  it("touches no pod but the one that is meant", async () => {
    await using api = await startInProcess();
    await run(api, "p");
    const { body: before } = await raw(api, "GET", `${pods}/p`);
    const refused = await raw(api, "POST", `${pods}/p/eviction`, {
      body: {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name: "p", namespace: "default" },
        deleteOptions: { preconditions: { uid: "another" } },
      },
    });
    expect(refused.status).toBe(409);
    expect((await raw(api, "GET", `${pods}/p`)).body).toEqual(before);
  });

  it("cannot serve two budgets, and says so without a reason, as upstream", async () => {
    await using api = await startInProcess();
    await run(api, "p");
    for (const name of ["a", "b"])
      await raw(api, "POST", budgets, {
        body: { metadata: { name }, spec: { minAvailable: 0, selector: { matchLabels: { app: "a" } } } },
      });
    const { status, body } = await evict(api);
    expect([status, "reason" in body, (body as { message?: string }).message]).toEqual([
      500,
      false,
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    ]);
  });

  it("asks the budget, and charges it", async () => {
    await using api = await startInProcess();
    for (const name of ["p", "q"]) await run(api, name);
    await raw(api, "POST", budgets, {
      body: { metadata: { name: "b" }, spec: { minAvailable: 1, selector: { matchLabels: { app: "a" } } } },
    });
    const unseen = await evict(api);
    expect(unseen.body).toMatchObject({ code: 429, reason: "TooManyRequests" });
    expect(unseen.headers["retry-after"]).toBe("10");
    await rawPatch(api, "merge", `${budgets}/b/status`, {
      status: {
        observedGeneration: 1,
        disruptionsAllowed: 1,
        currentHealthy: 2,
        desiredHealthy: 1,
        expectedPods: 2,
      },
    });
    expect((await evict(api)).status).toBe(201);
    const { body: charged } = await raw(api, "GET", `${budgets}/b`);
    expect(charged["status"]).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { p: expect.any(String) },
    });
    const refused = await evict(api, "q");
    expect(refused.body).toMatchObject({
      code: 429,
      reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: "DisruptionBudget",
            message: "The disruption budget b needs 1 healthy pods and has 2 currently",
          },
        ],
      },
    });
    expect((await raw(api, "GET", `${pods}/q`)).body.metadata.deletionTimestamp).toBeUndefined();
    const failed = { type: "DisruptionAllowed", status: "False", reason: "SyncFailed", message: "no scale" };
    await rawPatch(api, "merge", `${budgets}/b/status`, {
      status: { conditions: [{ ...failed, lastTransitionTime: "2026-11-23T12:00:00Z" }] },
    });
    expect((await evict(api, "q")).body).toMatchObject({
      details: {
        causes: [
          {
            message:
              "The disruption budget b does not allow evicting pods currently because it failed sync: no scale",
          },
        ],
      },
    });
  });
});

describe("pods", () => {
  it("take ephemeral containers through their subresource only", async () => {
    await using api = await startInProcess();
    await makePod(api);
    const patch = { spec: { ephemeralContainers: [{ name: "debug", image: "busybox" }] } };
    const refused = await rawPatch(api, "strategic", `${pods}/p`, patch);
    expect(refused.body.code).toBe(422);
    const { status, body } = await rawPatch(api, "strategic", `${pods}/p/ephemeralcontainers`, patch);
    expect(status).toBe(200);
    expect(body["spec"]).toMatchObject({ ephemeralContainers: [{ name: "debug" }] });
  });

  it("say what is wrong with a request for a log or a stream", async () => {
    await using api = await startInProcess();
    await makePod(api);
    expect((await raw(api, "GET", `${pods}/p/log`)).status).toBe(204);
    expect((await raw(api, "GET", `${pods}/p/log?container=x`)).body).toMatchObject({
      code: 400,
      message: "container x is not valid for pod p",
    });
    expect((await raw(api, "GET", `${pods}/p/log?tailLines=-1`)).body).toMatchObject({ code: 422 });
    expect((await raw(api, "POST", `${pods}/p/exec?command=ls`)).body).toMatchObject({
      code: 400,
      message: "Upgrade request required",
    });
    expect((await raw(api, "GET", `${pods}/p/nonsense`)).body).toMatchObject({ code: 404 });
    expect((await raw(api, "DELETE", `${pods}/p/binding`)).body).toMatchObject({ code: 405 });
  });
});
