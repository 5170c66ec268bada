import type { AdmissionReview } from "@coracle/shared/api/generated/admission-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { expect, test } from "vitest";
import { startTlsServer, type TlsServer } from "../../aggregation/tls-server.test-support.ts";
import { withAnnotations } from "../../audit/context.ts";
import { raw, rawPatch } from "../../testing/raw.ts";
import { startWithDynamicAdmission } from "../policies/in-process.test-support.ts";
import { configMap, configMaps, configure, patchOf, serve, startHook, webhook } from "./hook.test-support.ts";

const shown = (hook: TlsServer, i = -1): Record<string, unknown> =>
  (JSON.parse(hook.asked.at(i)?.body ?? "{}") as AdmissionReview).request as unknown as Record<
    string,
    unknown
  >;
const rule = (group: string, resource: string, operation: string): object => ({
  rules: [{ apiGroups: [group], apiVersions: ["v1"], operations: [operation], resources: [resource] }],
});
const deployment = {
  metadata: { name: "web" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
};

test("the options of a request are shown as the client gave them, of a patch as those of the update", async () => {
  await using hook = await startHook(() => ({}));
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  await configure(api, "validating", webhook("see", hook));
  const query = "?fieldManager=me&fieldValidation=Strict";
  await raw(api, "POST", `${configMaps}${query}`, { body: configMap("a") });
  expect(shown(hook)).toMatchObject({
    options: { kind: "CreateOptions", fieldManager: "me", fieldValidation: "Strict" },
  });
  await rawPatch(api, "merge", `${configMaps}/a?fieldManager=you`, { data: { a: "b" } });
  const { options, object, oldObject } = shown(hook);
  expect(options).toEqual({ kind: "UpdateOptions", apiVersion: "meta.k8s.io/v1", fieldManager: "you" });
  const version = (oldObject as KubeObject).metadata.resourceVersion;
  expect(version).toMatch(/^\d+$/);
  expect((object as KubeObject).metadata.resourceVersion).toBe(version);
});

test("a change of scale is shown as a Scale, which a webhook may change", async () => {
  await using hook = await startHook(({ subResource }) =>
    subResource === "scale" ? patchOf({ op: "replace", path: "/spec/replicas", value: 5 }) : {},
  );
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  await configure(api, "mutating", webhook("see", hook, rule("apps", "deployments/scale", "UPDATE")));
  const path = "/apis/apps/v1/namespaces/default/deployments";
  await raw(api, "POST", path, { body: deployment });
  const scaled = await rawPatch(api, "merge", `${path}/web/scale`, { spec: { replicas: 3 } });
  expect(scaled.body).toMatchObject({ kind: "Scale", spec: { replicas: 5 } });
  expect(shown(hook)).toMatchObject({
    kind: { group: "autoscaling", version: "v1", kind: "Scale" },
    requestKind: { group: "autoscaling", version: "v1", kind: "Scale" },
    resource: { group: "apps", version: "v1", resource: "deployments" },
    subResource: "scale",
    object: { kind: "Scale", metadata: { name: "web" }, spec: { replicas: 3 } },
    oldObject: { kind: "Scale", spec: { replicas: 2 } },
  });
});

test("a connection is shown as the options that its path and query say", async () => {
  await using hook = await startHook(() => ({ allowed: false }));
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  await configure(api, "validating", webhook("proxy", hook, rule("", "nodes/proxy", "CONNECT")));
  await raw(api, "POST", "/api/v1/nodes", { body: { metadata: { name: "n" } } });
  await raw(api, "GET", "/api/v1/nodes/n/proxy/healthz");
  expect(shown(hook)).toMatchObject({
    operation: "CONNECT",
    kind: { group: "", version: "v1", kind: "NodeProxyOptions" },
    resource: { resource: "nodes" },
    subResource: "proxy",
    object: { kind: "NodeProxyOptions", apiVersion: "v1", path: "healthz" },
  });
});

test("what a webhook adds has no owner; a patch that cannot be carried out is not forgiven", async () => {
  await using hook = await startHook(({ name }) =>
    patchOf(
      name === "bad"
        ? { op: "remove", path: "/data/none" }
        : { op: "add", path: "/data", value: { asked: "x", added: "y" } },
    ),
  );
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  await configure(api, "mutating", webhook("add", hook, { failurePolicy: "Ignore" }));
  const { body } = await raw(api, "POST", configMaps, { body: { ...configMap("a"), data: { asked: "x" } } });
  expect(body["data"]).toEqual({ asked: "x", added: "y" });
  const [entry] = (body as unknown as KubeObject).metadata.managedFields ?? [];
  expect(entry?.fieldsV1).toMatchObject({ "f:data": { ".": {}, "f:asked": {} } });
  expect(JSON.stringify(entry)).not.toContain("added");
  const bad = await raw(api, "POST", configMaps, { body: configMap("bad") });
  expect([bad.status, bad.body.message]).toEqual([
    500,
    expect.stringMatching(/^Internal error occurred: remove operation does not apply/),
  ]);
});

test("a webhook may change a custom resource in a version of its own, by the schema of that", async () => {
  const names = { plural: "hosts", singular: "host", kind: "Host", listKind: "HostList" };
  const version = (name: string, storage: boolean, fields: string[]): object => {
    const properties = Object.fromEntries(fields.map((field) => [field, { type: "string" }]));
    return { name, served: true, storage, schema: { openAPIV3Schema: { type: "object", properties } } };
  };
  await using hook = await startTlsServer({ names: ["hook.default.svc"] }, ({ path, body }) => {
    const review = JSON.parse(body) as { request: { uid: string; objects: Record<string, string>[] } };
    const { uid, objects } = review.request;
    if (!path.startsWith("/convert"))
      return {
        body: {
          ...review,
          response: { uid, allowed: true, ...patchOf({ op: "add", path: "/one", value: "changed" }) },
        },
      };
    // What is `one` in v1 is `two` in v2.
    const convertedObjects = objects.map(({ one, two, apiVersion, ...rest }) =>
      apiVersion?.endsWith("/v1")
        ? { ...rest, apiVersion: "x.example.com/v2", two: one }
        : { ...rest, apiVersion: "x.example.com/v1", one: two },
    );
    return { body: { ...review, response: { uid, result: { status: "Success" }, convertedObjects } } };
  });
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const clientConfig = {
    service: { namespace: "default", name: "hook", path: "/convert" },
    caBundle: hook.caBundle,
  };
  await raw(api, "POST", crds, {
    body: {
      metadata: { name: "hosts.x.example.com" },
      spec: {
        group: "x.example.com",
        scope: "Cluster",
        names,
        versions: [version("v1", true, ["one"]), version("v2", false, ["two"])],
        conversion: { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } },
      },
    },
  });
  await configure(api, "mutating", webhook("see", hook, rule("x.example.com", "hosts", "CREATE")));
  const path = "/apis/x.example.com/v2/hosts";
  await expect.poll(async () => (await raw(api, "GET", path)).status).toBe(200);
  const { body } = await raw(api, "POST", path, { body: { metadata: { name: "a" }, two: "asked" } });
  expect(body).toMatchObject({ apiVersion: "x.example.com/v2", two: "changed" });
});

test("the audit log is told which webhooks were asked, what they add to it, and whom it went past", async () => {
  await using hook = await startHook(({ name }) => ({
    ...patchOf({ op: "add", path: "/metadata/labels/b", value: name }),
    auditAnnotations: { seen: "yes" },
  }));
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  await configure(api, "mutating", webhook("change", hook));
  const gone = { service: { namespace: "default", name: "gone" } };
  await configure(api, "validating", webhook("look", hook, { clientConfig: gone, failurePolicy: "Ignore" }));
  const annotations: Record<string, string> = {};
  await withAnnotations(
    (key, value) => void (annotations[key] = value),
    () => raw(api, "POST", configMaps, { body: configMap("a") }),
  );
  expect(annotations).toEqual({
    "change.example.com/seen": "yes",
    "mutation.webhook.admission.k8s.io/round_0_index_0":
      '{"configuration":"mutating","webhook":"change.example.com","mutated":true}',
    "failed-open.validating.webhook.admission.k8s.io/round_0_index_0": "look.example.com",
  });
});

test("what one webhook adds, the next one sees with its defaults", async () => {
  await using hook = await startHook(({ object }) =>
    object?.kind === "Pod" && object.metadata.labels?.["first"] === undefined
      ? patchOf(
          { op: "add", path: "/metadata/labels", value: { first: "done" } },
          { op: "add", path: "/spec/containers/-", value: { name: "d", image: "i" } },
        )
      : {},
  );
  await using api = await startWithDynamicAdmission();
  await serve(api, hook);
  const pods = rule("", "pods", "CREATE");
  await configure(api, "mutating", webhook("first", hook, pods), webhook("second", hook, pods));
  await raw(api, "POST", "/api/v1/namespaces/default/pods", {
    body: { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } },
  });
  expect(shown(hook)).toMatchObject({
    object: { spec: { containers: [{ name: "c" }, { name: "d", imagePullPolicy: "Always" }] } },
  });
});
