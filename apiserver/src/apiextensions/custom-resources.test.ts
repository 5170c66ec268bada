import type {
  ConversionReview,
  CustomResourceDefinition,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { describe, expect, test } from "vitest";
import { startTlsServer } from "../aggregation/tls-server.test-support.ts";
import { createMemoryStore } from "../store/memory.ts";
import { startInProcess, type InProcessApi } from "../testing/in-process.ts";
import { raw, rawPatch, rawWatch } from "../testing/raw.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const crontabs = "/apis/stable.example.com/v1/namespaces/default/crontabs";

type Version = CustomResourceDefinition["spec"]["versions"][number];

const v1: Version = {
  name: "v1",
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: {
      type: "object",
      properties: {
        spec: {
          type: "object",
          required: ["cronSpec"],
          properties: {
            cronSpec: { type: "string", pattern: String.raw`^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$` },
            image: { type: "string" },
            replicas: { type: "integer", minimum: 1, maximum: 10, default: 1 },
          },
          "x-kubernetes-validations": [
            { rule: "!has(self.image) || self.image.startsWith('reg/')", message: "image must be from reg" },
            {
              rule: "!has(oldSelf.image) || self.?image.orValue('') == oldSelf.image",
              message: "image is immutable",
            },
          ],
        },
        status: {
          type: "object",
          properties: { replicas: { type: "integer" }, selector: { type: "string" } },
        },
      },
    },
  },
  subresources: {
    status: {},
    scale: {
      specReplicasPath: ".spec.replicas",
      statusReplicasPath: ".status.replicas",
      labelSelectorPath: ".status.selector",
    },
  },
  additionalPrinterColumns: [
    { name: "Spec", type: "string", jsonPath: ".spec.cronSpec" },
    { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
  ],
  selectableFields: [{ jsonPath: ".spec.image" }],
};

const definition = (...versions: Version[]): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "crontabs.stable.example.com" },
  spec: {
    group: "stable.example.com",
    scope: "Namespaced",
    names: { plural: "crontabs", kind: "CronTab", shortNames: ["ct"], categories: ["all"] },
    versions: versions.length > 0 ? versions : [v1],
  },
});

const cronTab = (name: string, spec: object = {}): KubeObject => ({
  apiVersion: "stable.example.com/v1",
  kind: "CronTab",
  metadata: { name },
  spec: { cronSpec: "* * * * */5", ...spec },
});

/** Waits for a definition's condition, as `kubectl wait` does. */
async function until(
  api: InProcessApi,
  name: string,
  done: (crd: CustomResourceDefinition) => boolean,
): Promise<CustomResourceDefinition> {
  await using watch = await rawWatch(api, `${definitions}?watch=true&fieldSelector=metadata.name%3D${name}`);
  for (;;) {
    const event = await watch.next();
    if (!event) throw new Error("the watch ended");
    const crd = event.object as unknown as CustomResourceDefinition;
    if (done(crd)) return crd;
  }
}
const isEstablished = (crd: CustomResourceDefinition): boolean =>
  crd.status?.conditions?.some((c) => c.type === "Established" && c.status === "True") ?? false;

async function started(crd: KubeObject = definition()) {
  const api = await startInProcess();
  await raw(api, "POST", "/api/v1/namespaces", { body: { metadata: { name: "default" } } });
  const created = await raw(api, "POST", definitions, { body: crd });
  expect(created.status, created.text).toBe(201);
  await until(api, crd.metadata.name ?? "", isEstablished);
  return api;
}

describe("a definition", () => {
  test("is defaulted, accepted and established", async () => {
    await using api = await started();
    const { body } = await raw<CustomResourceDefinition>(
      api,
      "GET",
      `${definitions}/crontabs.stable.example.com`,
    );
    expect(body.spec.names).toMatchObject({ singular: "crontab", listKind: "CronTabList" });
    expect(body.spec.conversion).toEqual({ strategy: "None" });
    expect(body.status?.storedVersions).toEqual(["v1"]);
    expect(body.status?.acceptedNames).toEqual(body.spec.names);
    expect(body.status?.conditions?.map((c) => `${c.type} ${c.status} ${c.reason}`)).toEqual([
      "NamesAccepted True NoConflicts",
      "Established True InitialNamesAccepted",
    ]);
  });

  test("with a name that is taken waits until it is free", async () => {
    await using api = await started();
    const other = definition() as unknown as CustomResourceDefinition;
    other.metadata.name = "others.stable.example.com";
    other.spec.names = { plural: "others", kind: "Other", shortNames: ["ct"] };
    expect((await raw(api, "POST", definitions, { body: other })).status).toBe(201);
    const refused = await until(
      api,
      "others.stable.example.com",
      (c) => (c.status?.conditions ?? []).length > 0,
    );
    expect(refused.status?.conditions?.[0]).toMatchObject({
      type: "NamesAccepted",
      status: "False",
      reason: "ShortNamesConflict",
      message: '"ct" is already in use',
    });
    expect((await raw(api, "GET", "/apis/stable.example.com/v1/others")).status).toBe(404);
    await raw(api, "DELETE", `${definitions}/crontabs.stable.example.com`);
    await until(api, "others.stable.example.com", isEstablished);
    expect((await raw(api, "GET", "/apis/stable.example.com/v1/others")).status).toBe(200);
  });

  test.each<[string, (crd: CustomResourceDefinition) => void, string]>([
    [
      "a wrong name",
      (c) => (c.metadata.name = "x.example.com"),
      'metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [
      "no storage version",
      (c) => c.spec.versions.forEach((v) => (v.storage = false)),
      "must have exactly one version marked as storage version",
    ],
    [
      "no schema",
      (c) => c.spec.versions.forEach((v) => delete v.schema),
      "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
    ],
    [
      "a protected group",
      (c) => ((c.spec.group = "x.k8s.io"), (c.metadata.name = "crontabs.x.k8s.io")),
      'Required value: protected groups must have approval annotation "api-approved.kubernetes.io"',
    ],
    [
      "a field without type",
      (c) => (schemaOf(c).properties = { spec: {} }),
      "spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
    ],
    [
      "a rule that names what is not there",
      (c) => (schemaOf(c)["x-kubernetes-validations"] = [{ rule: "self.spec.nope == 1" }]),
      "undefined field 'nope'",
    ],
    [
      "a rule that is none",
      (c) => (schemaOf(c)["x-kubernetes-validations"] = [{ rule: "self.spec ==" }]),
      "compilation failed",
    ],
    [
      "a default that is not valid",
      (c) => (specOf(c).properties = { a: { type: "integer", default: "x" } }),
      "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].default: Invalid value",
    ],
    [
      "types in branches",
      (c) => (specOf(c).anyOf = [{ type: "object" }]),
      "anyOf[0].type: Forbidden: must be empty to be structural",
    ],
    [
      "a list map without keys",
      (c) =>
        (specOf(c).properties = {
          l: { type: "array", "x-kubernetes-list-type": "map", items: { type: "object" } },
        }),
      "x-kubernetes-list-map-keys: Required value",
    ],
  ])("with %s is refused", async (_name, change, message) => {
    await using api = await startInProcess();
    const crd = structuredClone(definition()) as unknown as CustomResourceDefinition;
    change(crd);
    const { status, body } = await raw(api, "POST", definitions, { body: crd });
    expect(status).toBe(422);
    expect(body.message).toContain(message);
  });
});

const schemaOf = (crd: CustomResourceDefinition) => crd.spec.versions[0]?.schema?.openAPIV3Schema ?? {};
const specOf = (crd: CustomResourceDefinition) => schemaOf(crd).properties?.["spec"] ?? {};

describe("custom resources", () => {
  test("are defaulted, validated, and generation rises with the spec", async () => {
    await using api = await started();
    const created = await raw(api, "POST", crontabs, { body: { ...cronTab("a"), status: { replicas: 5 } } });
    expect(created.status, created.text).toBe(201);
    expect(created.body["spec"]).toEqual({ cronSpec: "* * * * */5", replicas: 1 });
    expect(created.body["status"]).toBeUndefined();
    expect(created.body.metadata.generation).toBe(1);
    const patched = await rawPatch(api, "merge", `${crontabs}/a`, { spec: { replicas: 3 } });
    expect(patched.body.metadata.generation).toBe(2);
    const status = await rawPatch(api, "merge", `${crontabs}/a/status`, {
      status: { replicas: 3 },
      spec: { replicas: 9 },
    });
    expect(status.body).toMatchObject({
      metadata: { generation: 2 },
      spec: { replicas: 3 },
      status: { replicas: 3 },
    });

    const bad = await raw(api, "POST", crontabs, { body: cronTab("b", { cronSpec: "x", replicas: "3" }) });
    expect(bad.status).toBe(422);
    expect(bad.body.message).toBe(
      'CronTab.stable.example.com "b" is invalid: [spec.cronSpec: Invalid value: "x": spec.cronSpec in body should match ' +
        String.raw`'^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'` +
        ', spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]',
    );
  });

  test("obey rules, those of transition too", async () => {
    await using api = await started();
    const bad = await raw(api, "POST", crontabs, { body: cronTab("a", { image: "other/x" }) });
    expect(bad.body.message).toBe(
      'CronTab.stable.example.com "a" is invalid: spec: Invalid value: image must be from reg',
    );
    await raw(api, "POST", crontabs, { body: cronTab("a", { image: "reg/x" }) });
    const changed = await rawPatch(api, "merge", `${crontabs}/a`, { spec: { image: "reg/y" } });
    expect(changed.body.message).toContain("image is immutable");
  });

  test("lose unknown fields, and say so", async () => {
    await using api = await started();
    const body = cronTab("a", { typo: 1 });
    const strict = await raw(api, "POST", `${crontabs}?fieldValidation=Strict`, { body });
    expect(strict.status).toBe(400);
    expect(strict.body.message).toBe(
      'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: unknown field "spec.typo"',
    );
    const warned = await raw(api, "POST", crontabs, { body });
    expect(warned.headers["warning"]).toBe(String.raw`299 - "unknown field \"spec.typo\""`);
    expect(warned.body["spec"]).not.toHaveProperty("typo");
  });

  test("are replaced only by who says which state is meant", async () => {
    await using api = await started();
    const { body } = await raw(api, "POST", crontabs, { body: { metadata: { name: "a" } } });
    const { resourceVersion: _, ...metadata } = body.metadata;
    const blind = await raw(api, "PUT", `${crontabs}/a`, { body: { ...body, metadata } });
    expect([blind.status, blind.body.message]).toEqual([
      422,
      'crontabs.stable.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    ]);
    expect((await raw(api, "PUT", `${crontabs}/a`, { body })).status).toBe(200);
    const name = "crontabs.stable.example.com";
    expect((await raw(api, "PUT", `${definitions}/${name}`, { body: definition() })).status).toBe(422);
  });

  test("take every patch but the strategic", async () => {
    await using api = await started();
    await raw(api, "POST", crontabs, { body: cronTab("a") });
    const strategic = await rawPatch(api, "strategic", `${crontabs}/a`, { spec: { replicas: 2 } });
    expect(strategic.status).toBe(415);
    const json = await rawPatch(api, "json", `${crontabs}/a`, [
      { op: "replace", path: "/spec/replicas", value: 4 },
    ]);
    expect(json.body["spec"]).toMatchObject({ replicas: 4 });
    const path = `${crontabs}/a?fieldManager=me`;
    const conflict = await rawPatch(api, "apply", path, cronTab("a", { replicas: 5 }));
    expect(conflict.status).toBe(409);
    const forced = await rawPatch(api, "apply", `${path}&force=true`, cronTab("a", { replicas: 5 }));
    expect(forced.status, forced.text).toBe(200);
    expect(forced.body["spec"]).toMatchObject({ replicas: 5 });
    const created = await rawPatch(api, "apply", `${crontabs}/new?fieldManager=me`, cronTab("new"));
    expect(created.status).toBe(201);
  });

  test("are scaled", async () => {
    await using api = await started();
    await raw(api, "POST", crontabs, { body: cronTab("a") });
    await rawPatch(api, "merge", `${crontabs}/a/status`, { status: { replicas: 1, selector: "a=b" } });
    const scale = await raw(api, "GET", `${crontabs}/a/scale`);
    expect(scale.body).toMatchObject({
      kind: "Scale",
      spec: { replicas: 1 },
      status: { replicas: 1, selector: "a=b" },
    });
    const up = await rawPatch(api, "merge", `${crontabs}/a/scale`, { spec: { replicas: 7 } });
    expect(up.body["spec"]).toEqual({ replicas: 7 });
    expect((await raw(api, "GET", `${crontabs}/a`)).body["spec"]).toMatchObject({ replicas: 7 });
  });

  test("are found by fields and shown in columns", async () => {
    await using api = await started();
    await raw(api, "POST", crontabs, { body: cronTab("a", { image: "reg/1" }) });
    await raw(api, "POST", crontabs, { body: cronTab("b", { image: "reg/2" }) });
    const found = await raw<{ items: KubeObject[] }>(
      api,
      "GET",
      `${crontabs}?fieldSelector=spec.image%3Dreg/2`,
    );
    expect(found.body.items.map((i) => i.metadata.name)).toEqual(["b"]);
    const table = await raw<{ columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] }>(
      api,
      "GET",
      crontabs,
      {
        headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
      },
    );
    expect(table.body.columnDefinitions.map((c) => c.name)).toEqual(["Name", "Spec", "Replicas"]);
    expect(table.body.rows.map((r) => r.cells)).toEqual([
      ["a", "* * * * */5", 1],
      ["b", "* * * * */5", 1],
    ]);
  });

  test("appear in discovery and OpenAPI, and go with their definition", async () => {
    await using api = await started();
    const list = await raw<{ resources: { name: string; verbs: string[]; shortNames?: string[] }[] }>(
      api,
      "GET",
      "/apis/stable.example.com/v1",
    );
    expect(list.body.resources.map((r) => r.name)).toEqual(["crontabs", "crontabs/scale", "crontabs/status"]);
    expect(list.body.resources[0]?.shortNames).toEqual(["ct"]);
    const openapi = await raw<{
      components: { schemas: Record<string, { properties: { spec: { properties: object } } }> };
    }>(api, "GET", "/openapi/v3/apis/stable.example.com/v1");
    expect(
      Object.keys(
        openapi.body.components.schemas["com.example.stable.v1.CronTab"]?.properties.spec.properties ?? {},
      ),
    ).toEqual(["cronSpec", "image", "replicas"]);
    expect((await raw(api, "GET", "/openapi/v2")).text).toContain("com.example.stable.v1.CronTab");
    await raw(api, "DELETE", `${definitions}/crontabs.stable.example.com`);
    await gone(api);
    expect((await raw(api, "GET", "/apis/stable.example.com")).status).toBe(404);
    expect((await raw(api, "GET", crontabs)).status).toBe(404);
  });
});

/** Waits until the definition is no more. */
async function gone(api: InProcessApi): Promise<void> {
  await using watch = await rawWatch(api, `${definitions}?watch=true&resourceVersion=1`);
  for (let event = await watch.next(); event; event = await watch.next())
    if (event.type === "DELETED") return;
}

describe("the end of a definition", () => {
  test("takes its objects with it, and waits for those that are held", async () => {
    await using api = await started();
    await raw(api, "POST", crontabs, { body: cronTab("a") });
    const held = cronTab("held");
    held.metadata.finalizers = ["example.com/hold"];
    await raw(api, "POST", crontabs, { body: held });
    const deleted = await raw(api, "DELETE", `${definitions}/crontabs.stable.example.com`);
    expect(deleted.body.metadata.finalizers).toEqual(["customresourcecleanup.apiextensions.k8s.io"]);
    await until(
      api,
      "crontabs.stable.example.com",
      (c) => c.status?.conditions?.some((x) => x.type === "Terminating") ?? false,
    );
    const left = await raw<{ items: KubeObject[] }>(api, "GET", crontabs);
    expect(left.body.items.map((i) => i.metadata.name)).toEqual(["held"]);
    const refused = await raw(api, "POST", crontabs, { body: cronTab("late") });
    expect(refused.status).toBe(405);
    expect(refused.body.message).toBe("create not allowed while custom resource definition is terminating");
    await rawPatch(api, "merge", `${crontabs}/held`, { metadata: { finalizers: null } });
    await gone(api);
    expect((await raw(api, "GET", crontabs)).status).toBe(404);
  });
});

test("every server on a store serves a definition, as soon as one says it is established", async () => {
  const store = createMemoryStore();
  await using one = await startInProcess({ store });
  await using two = await startInProcess({ store });
  await raw(one, "POST", "/api/v1/namespaces", { body: { metadata: { name: "default" } } });
  await raw(one, "POST", definitions, { body: definition() });
  await until(one, "crontabs.stable.example.com", isEstablished);
  expect((await raw(two, "POST", crontabs, { body: cronTab("a") })).status).toBe(201);
  const listed = await raw<{ items: KubeObject[] }>(one, "GET", crontabs);
  expect(listed.body.items).toHaveLength(1);
  await raw(two, "DELETE", `${definitions}/crontabs.stable.example.com`);
  await gone(one);
  expect((await raw(one, "GET", crontabs)).status).toBe(404);
  expect((await raw(two, "GET", crontabs)).status).toBe(404);
  expect((await store.snapshot()).objects.filter((o) => o.key.resource.includes("crontabs"))).toEqual([]);
});

describe("several versions", () => {
  const v2: Version = {
    ...structuredClone(v1),
    name: "v2",
    storage: false,
    deprecated: true,
    additionalPrinterColumns: [{ name: "Image", type: "string", jsonPath: ".spec.image" }],
  };
  const spec = v2.schema?.openAPIV3Schema?.properties?.["spec"];
  if (spec?.properties) spec.properties["extra"] = { type: "string", default: "later" };
  const v2crontabs = crontabs.replace("/v1/", "/v2/");

  test("show the same object, each by its own schema", async () => {
    await using api = await started(definition(v1, v2));
    await raw(api, "POST", crontabs, { body: cronTab("a") });
    const other = await raw(api, "GET", `${v2crontabs}/a`);
    expect(other.body.apiVersion).toBe("stable.example.com/v2");
    expect(other.body["spec"]).toMatchObject({ extra: "later" });
    expect(other.headers["warning"]).toContain("stable.example.com/v2 CronTab is deprecated");
    const made = await raw(api, "POST", v2crontabs, {
      body: { ...cronTab("b"), apiVersion: "stable.example.com/v2" },
    });
    expect(made.status, made.text).toBe(201);
    expect((await raw(api, "GET", `${crontabs}/b`)).body).toMatchObject({
      apiVersion: "stable.example.com/v1",
      spec: { cronSpec: "* * * * */5", replicas: 1 },
    });
    const list = await raw<{ kind: string; items: KubeObject[] }>(api, "GET", v2crontabs);
    expect(list.body.items.map((i) => i.apiVersion)).toEqual([
      "stable.example.com/v2",
      "stable.example.com/v2",
    ]);
  });

  test("a change of the stored version is remembered, and a write moves an object", async () => {
    await using api = await started(definition(v1, v2));
    await raw(api, "POST", crontabs, { body: cronTab("a") });
    await rawPatch(api, "json", `${definitions}/crontabs.stable.example.com`, [
      { op: "replace", path: "/spec/versions/0/storage", value: false },
      { op: "replace", path: "/spec/versions/1/storage", value: true },
    ]);
    const crd = await raw<CustomResourceDefinition>(api, "GET", `${definitions}/crontabs.stable.example.com`);
    expect(crd.body.status?.storedVersions).toEqual(["v1", "v2"]);
    const before = await raw(api, "GET", `${crontabs}/a`);
    const touched = await raw(api, "PUT", `${crontabs}/a`, { body: before.body });
    expect(touched.body.metadata.resourceVersion).not.toBe(before.body.metadata.resourceVersion);
    const key = { resource: "crontabs.stable.example.com", namespace: "default", name: "a" };
    expect(JSON.parse((await api.registry.store.get(key))?.body ?? "{}")).toMatchObject({
      apiVersion: "stable.example.com/v2",
    });
    const again = await raw(api, "PUT", `${crontabs}/a`, { body: touched.body });
    expect(again.body.metadata.resourceVersion).toBe(touched.body.metadata.resourceVersion);
    const dropped = await rawPatch(api, "json", `${definitions}/crontabs.stable.example.com`, [
      { op: "remove", path: "/spec/versions/0" },
    ]);
    expect(dropped.body.message).toContain(
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions',
    );
  });

  test("a watch goes on when the schema changes", async () => {
    await using api = await started();
    await using watch = await rawWatch(api, `${crontabs}?watch=true`);
    await raw(api, "POST", crontabs, { body: cronTab("a") });
    expect(await watch.names(1)).toEqual(["ADDED a"]);
    await rawPatch(api, "json", `${definitions}/crontabs.stable.example.com`, [
      {
        op: "add",
        path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/later",
        value: { type: "string", default: "x" },
      },
    ]);
    await raw(api, "POST", crontabs, { body: cronTab("b") });
    const event = await watch.next();
    expect(event?.object["spec"]).toMatchObject({ later: "x" });
    expect((await raw(api, "GET", `${crontabs}/a`)).body["spec"]).toMatchObject({ later: "x" });
  });
});

describe("conversion by a webhook", () => {
  const v1beta1: Version = {
    name: "v1beta1",
    served: true,
    storage: false,
    schema: {
      openAPIV3Schema: {
        type: "object",
        properties: { host: { type: "string" }, port: { type: "string" } },
      },
    },
  };
  const stored: Version = {
    name: "v1",
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: "object", properties: { hostPort: { type: "string" } } } },
  };
  const convert = ({ body }: { readonly body: string }): { body: object } => {
    const { request, apiVersion } = JSON.parse(body) as ConversionReview;
    const objects = (request?.objects ?? []) as unknown as (KubeObject & Record<string, string>)[];
    const convertedObjects = objects.map(({ host, port, hostPort = "", ...object }) => {
      const [itsHost = "", itsPort = ""] = hostPort.split(":");
      const changed = request?.desiredAPIVersion.endsWith("/v1")
        ? { hostPort: `${host}:${port}` }
        : { host: itsHost, port: itsPort };
      return { ...object, apiVersion: request?.desiredAPIVersion, ...changed };
    });
    const response = { uid: request?.uid, result: { status: "Success" }, convertedObjects };
    return { body: { kind: "ConversionReview", apiVersion, response } };
  };

  test("goes both ways, for single objects, lists and watches", async () => {
    await using hook = await startTlsServer({ names: ["localhost"] }, convert);
    const crd = definition(stored, v1beta1) as unknown as CustomResourceDefinition;
    crd.spec.conversion = {
      strategy: "Webhook",
      webhook: {
        clientConfig: { url: `https://localhost:${hook.port}/convert`, caBundle: hook.caBundle },
        conversionReviewVersions: ["v1"],
      },
    };
    await using api = await started(crd);
    const beta = crontabs.replace("/v1/", "/v1beta1/");
    const apiVersion = "stable.example.com/v1beta1";
    const created = await raw(api, "POST", beta, {
      body: { apiVersion, kind: "CronTab", metadata: { name: "a" }, host: "h", port: "80" },
    });
    expect(created.status, created.text).toBe(201);
    expect(created.body).toMatchObject({ apiVersion, host: "h", port: "80" });
    expect((await raw(api, "GET", `${crontabs}/a`)).body).toMatchObject({ hostPort: "h:80" });
    await raw(api, "POST", crontabs, { body: { metadata: { name: "b" }, hostPort: "x:1" } });
    const list = await raw<{ items: KubeObject[] }>(api, "GET", beta);
    expect(list.body.items.map((i) => `${i.metadata.name} ${String(i["host"])}`)).toEqual(["a h", "b x"]);
    const calls = hook.asked.length;
    await raw(api, "GET", beta);
    // What has been converted once is remembered.
    expect(hook.asked).toHaveLength(calls);
    await using watch = await rawWatch(api, `${beta}?watch=true`);
    expect((await watch.next())?.object).toMatchObject({ apiVersion, host: "h" });
    const patched = await rawPatch(api, "merge", `${beta}/a`, { port: "81" });
    expect(patched.body).toMatchObject({ host: "h", port: "81" });
    expect((await raw(api, "GET", `${crontabs}/a`)).body).toMatchObject({ hostPort: "h:81" });
  });

  test("that fails is told as such", async () => {
    await using hook = await startTlsServer({ names: ["localhost"] }, () => ({
      status: 500,
      body: "broken",
    }));
    const crd = definition(stored, v1beta1) as unknown as CustomResourceDefinition;
    crd.spec.conversion = {
      strategy: "Webhook",
      webhook: {
        clientConfig: { url: `https://localhost:${hook.port}/convert`, caBundle: hook.caBundle },
        conversionReviewVersions: ["v1"],
      },
    };
    await using api = await started(crd);
    await raw(api, "POST", crontabs, { body: { metadata: { name: "b" }, hostPort: "x:1" } });
    const { status, body } = await raw(api, "GET", `${crontabs.replace("/v1/", "/v1beta1/")}/b`);
    expect([status, body.reason ?? ""]).toEqual([500, ""]);
    expect(body.message).toBe(
      'conversion webhook for stable.example.com/v1, Kind=CronTab failed: an error on the server ("broken") has prevented the request from succeeding',
    );
  });
});

test("clients read in OpenAPI that custom resources cannot be merged strategically", async () => {
  await using api = await started();
  const { body } = await raw<{
    paths: Record<string, { patch: { requestBody: { content: object } } }>;
  }>(api, "GET", "/openapi/v3/apis/stable.example.com/v1");
  const path = "/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}";
  expect(Object.keys(body.paths[path]?.patch.requestBody.content ?? {})).toEqual([
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
  ]);
});
