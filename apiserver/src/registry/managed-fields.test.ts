import { describe, expect, it } from "vitest";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { startInProcess } from "../testing/in-process.ts";
import { raw, rawPatch } from "../testing/raw.ts";

const scalers = (version: string) =>
  `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
const common = {
  scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
  maxReplicas: 5,
};
const scaler = (version: string, spec: object) => ({
  apiVersion: `autoscaling/${version}`,
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "web" },
  spec,
});
const cpu = (averageUtilization: number) => [
  { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } },
];
const entryOf = (object: KubeObject, manager: string) =>
  object.metadata.managedFields?.find((e) => e.manager === manager);

describe("managed fields of a kind in several versions", () => {
  it("speak of the version that was written, in whatever version they are read", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", `${scalers("v1")}?fieldManager=old`, {
      body: scaler("v1", { ...common, targetCPUUtilizationPercentage: 50 }),
    });
    const { body } = await raw(api, "GET", `${scalers("v2")}/web`);
    expect(entryOf(body, "old")).toMatchObject({
      apiVersion: "autoscaling/v1",
      fieldsV1: { "f:spec": { "f:targetCPUUtilizationPercentage": {}, "f:maxReplicas": {} } },
    });

    const events = "/apis/events.k8s.io/v1/namespaces/default/events";
    const event = {
      metadata: { name: "e" },
      eventTime: "2026-01-02T03:04:05.000000Z",
      action: "Binding",
      reason: "Scheduled",
      type: "Normal",
      note: "there",
      reportingController: "example.com/scheduler",
      reportingInstance: "s-1",
      regarding: { kind: "Pod", namespace: "default", name: "p" },
    };
    await raw(api, "POST", `${events}?fieldManager=new`, { body: event });
    const made = await raw(api, "GET", "/api/v1/namespaces/default/events/e");
    expect(entryOf(made.body, "new")).toMatchObject({
      apiVersion: "events.k8s.io/v1",
      fieldsV1: { "f:note": {}, "f:regarding": {} },
    });
  });

  it("lose what a write in another version changes", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", `${scalers("v1")}?fieldManager=old`, {
      body: scaler("v1", { ...common, targetCPUUtilizationPercentage: 50 }),
    });
    const { body } = await rawPatch(api, "merge", `${scalers("v2")}/web?fieldManager=new`, {
      spec: { metrics: cpu(70) },
    });
    expect(entryOf(body, "new")).toMatchObject({ apiVersion: "autoscaling/v2" });
    const left = entryOf(body, "old")?.fieldsV1 as Record<string, object>;
    expect(left["f:spec"]).toHaveProperty("f:maxReplicas");
    expect(left["f:spec"]).not.toHaveProperty("f:targetCPUUtilizationPercentage");
  });

  it("conflict with what is applied in another version", async () => {
    await using api = await startInProcess();
    const apply = (version: string, manager: string, spec: object, more = "") =>
      rawPatch(api, "apply", `${scalers(version)}/web?fieldManager=${manager}${more}`, scaler(version, spec));
    await apply("v1", "one", { ...common, targetCPUUtilizationPercentage: 50 });
    const refused = await apply("v2", "two", { ...common, metrics: cpu(70) });
    expect(refused).toMatchObject({
      status: 409,
      body: {
        message: 'Apply failed with 1 conflict: conflict with "one": .spec.targetCPUUtilizationPercentage',
      },
    });
    const forced = await apply("v2", "two", { ...common, metrics: cpu(70) }, "&force=true");
    expect(forced.body["spec"]).toMatchObject({ metrics: cpu(70) });
    expect(entryOf(forced.body, "one")?.fieldsV1).not.toHaveProperty([
      "f:spec",
      "f:targetCPUUtilizationPercentage",
    ]);
  });

  it("keep what another version's manager owns when its applier lets go", async () => {
    await using api = await startInProcess();
    const apply = (version: string, manager: string, spec: object) =>
      rawPatch(api, "apply", `${scalers(version)}/web?fieldManager=${manager}`, scaler(version, spec));
    await apply("v1", "one", { ...common, minReplicas: 2, targetCPUUtilizationPercentage: 50 });
    await apply("v2", "two", { ...common, minReplicas: 2, metrics: cpu(50) });
    // `one` moves to v2 and names neither any longer; `two` still does.
    const kept = await apply("v2", "one", common);
    expect(kept.body["spec"]).toMatchObject({ minReplicas: 2, metrics: cpu(50) });
    // Then nobody does: both go back to their defaults.
    await apply("v1", "one", { ...common, minReplicas: 3 }).then(({ status }) => expect(status).toBe(409));
    const gone = await apply("v1", "two", common);
    expect(gone.body["spec"]).toMatchObject({ minReplicas: 1 });
    expect(gone.body["spec"]).not.toHaveProperty("targetCPUUtilizationPercentage", 50);
  });

  it("forget managers whose version is not served", async () => {
    await using api = await startInProcess();
    const managedFields = [
      {
        manager: "ancient",
        operation: "Update",
        apiVersion: "autoscaling/v2beta2",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:spec": { "f:maxReplicas": {} } },
      },
    ];
    const body = { ...scaler("v2", common), metadata: { name: "web", managedFields } };
    const { body: made } = await raw(api, "POST", `${scalers("v2")}?fieldManager=new`, { body });
    expect(made.metadata.managedFields?.map((e) => e.manager)).toEqual(["new"]);
  });
});
