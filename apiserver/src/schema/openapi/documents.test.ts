import { describe, expect, it } from "vitest";
import { readDescriptions } from "../generate/descriptions.ts";
import { descriptionSources } from "./packed-descriptions.ts";
import { createOpenApi } from "./documents.ts";
import type { ServedKind } from "./served.ts";

const verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const deployment: ServedKind = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
  verbs,
  subresources: [
    { name: "status", verbs: ["get", "update", "patch"] },
    { name: "scale", verbs: ["get", "update", "patch"], group: "autoscaling", version: "v1", kind: "Scale" },
  ],
};
const node: ServedKind = {
  group: "",
  version: "v1",
  kind: "Node",
  plural: "nodes",
  namespaced: false,
  verbs,
  subresources: [{ name: "proxy", verbs: ["connect"], version: "v1", kind: "NodeProxyOptions" }],
};
const cronTab: ServedKind = {
  group: "stable.example.com",
  version: "v1",
  kind: "CronTab",
  plural: "crontabs",
  namespaced: true,
  verbs,
  subresources: [],
  schema: {
    type: "object",
    properties: { spec: { type: "object", properties: { replicas: { type: "integer" } } } },
  },
};

type Doc = {
  paths: Record<string, Record<string, { operationId: string; parameters?: { name: string }[] }>>;
  components: { schemas: Record<string, { properties?: Record<string, unknown> }> };
};
const read = (bytes: Buffer | undefined) => JSON.parse(bytes?.toString() ?? "null") as Doc;

describe("OpenAPI documents", () => {
  it("lists each group and version with a link that changes with its document", () => {
    let served = [deployment, node];
    const api = createOpenApi({ version: "v1.36.0", served: () => served });
    const before = read(api.index().body).paths;
    expect(Object.keys(before)).toEqual([
      ".well-known/openid-configuration",
      "api",
      "api/v1",
      "apis",
      "apis/apps",
      "apis/apps/v1",
      "openid/v1/jwks",
      "version",
    ]);
    served = [deployment, node, cronTab];
    api.changed();
    const after = read(api.index().body).paths;
    expect(Object.keys(after)).toContain("apis/stable.example.com/v1");
    // The server of custom resources documents their versions alone.
    expect(Object.keys(after)).not.toContain("apis/stable.example.com");
    expect(Object.keys(read(api.v3("apis/apps")?.body).paths)).toEqual(["/apis/apps/"]);
    expect(Object.keys(read(api.v3("version")?.body).components.schemas)).toEqual([
      "io.k8s.apimachinery.pkg.version.Info",
    ]);
    expect(after["apis/apps/v1"]).not.toEqual(before["apis/apps/v1"]);
    expect(api.v3("apis/nope/v1")).toBeUndefined();
  });

  it("describes every path of a kind with upstream's operation ids", () => {
    const { paths } = read(
      createOpenApi({ version: "v1.36.0", served: () => [deployment] }).v3("apis/apps/v1")?.body,
    );
    const ids = Object.values(paths)
      .flatMap((item) => Object.values(item).map((o) => o.operationId))
      .filter(Boolean);
    expect(ids.toSorted()).toEqual([
      "createAppsV1NamespacedDeployment",
      "deleteAppsV1CollectionNamespacedDeployment",
      "deleteAppsV1NamespacedDeployment",
      "getAppsV1APIResources",
      "listAppsV1DeploymentForAllNamespaces",
      "listAppsV1NamespacedDeployment",
      "patchAppsV1NamespacedDeployment",
      "patchAppsV1NamespacedDeploymentScale",
      "patchAppsV1NamespacedDeploymentStatus",
      "readAppsV1NamespacedDeployment",
      "readAppsV1NamespacedDeploymentScale",
      "readAppsV1NamespacedDeploymentStatus",
      "replaceAppsV1NamespacedDeployment",
      "replaceAppsV1NamespacedDeploymentScale",
      "replaceAppsV1NamespacedDeploymentStatus",
    ]);
    const patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?.["patch"];
    expect(patch?.parameters?.map((p) => p.name)).toContain("fieldValidation");
  });

  it("leads through a proxy with every method, to any path below, and to discovery", () => {
    const { paths } = read(createOpenApi({ version: "v1.36.0", served: () => [node, deployment] }).v2().body);
    expect(Object.keys(paths).filter((path) => path.endsWith("/"))).toEqual([
      "/api/",
      "/apis/",
      "/apis/apps/",
      "/version/",
      "/.well-known/openid-configuration/",
      "/openid/v1/jwks/",
      "/api/v1/",
      "/apis/apps/v1/",
    ]);
    const { parameters, ...methods } = paths["/api/v1/nodes/{name}/proxy/{path}"] ?? {};
    expect(Object.keys(methods)).toEqual(["delete", "get", "head", "options", "patch", "post", "put"]);
    expect(methods["head"]).toMatchObject({
      operationId: "connectCoreV1HeadNodeProxyWithPath",
      description: "connect HEAD requests to proxy of Node",
      parameters: [{ name: "path", in: "query" }],
    });
    expect(parameters).toMatchObject([{ name: "name" }, { name: "path", in: "path" }, { name: "pretty" }]);
  });

  it.each(["v2", "v3"] as const)("refers only to definitions it has (%s)", (dialect) => {
    const api = createOpenApi({ version: "v1.36.0", served: () => [deployment, node, cronTab] });
    const text =
      dialect === "v2" ? api.v2().body.toString() : (api.v3("apis/apps/v1")?.body.toString() ?? "");
    const root = JSON.parse(text) as Doc & { definitions: object };
    const names = Object.keys(dialect === "v2" ? root.definitions : root.components.schemas);
    const references = new Set(
      [...text.matchAll(/"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)].map((m) => m[1]),
    );
    expect([...references].filter((r) => !names.includes(r ?? ""))).toEqual([]);
    expect(names).toContain("io.k8s.api.apps.v1.DeploymentSpec");
  });

  it("describes custom kinds under their reversed group, with metadata", () => {
    const descriptions = { "io.k8s.apimachinery.pkg.apis.meta.v1.TypeMeta": { kind: "what it is" } };
    const api = createOpenApi({
      version: "v1.36.0",
      served: () => [cronTab],
      descriptions: () => descriptions,
    });
    const schema = read(api.v3("apis/stable.example.com/v1")?.body).components.schemas[
      "com.example.stable.v1.CronTab"
    ];
    expect(schema?.properties).toHaveProperty("spec");
    expect(schema?.properties).toHaveProperty(["kind", "description"], "what it is");
    expect(schema?.properties).toHaveProperty(
      ["metadata", "description"],
      expect.stringContaining("Standard object's metadata"),
    );
  });

  it("describes every field below a Deployment, at any depth, without the API's sources too", () => {
    const { models = "" } = descriptionSources() ?? {};
    const api = createOpenApi({
      version: "v1.36.0",
      served: () => [deployment],
      descriptions: () => readDescriptions({ models }),
    });
    const { schemas } = read(api.v3("apis/apps/v1")?.body).components;
    const silent = Object.entries(schemas)
      .filter(([name]) => name.startsWith("io.k8s.api."))
      .flatMap(([name, schema]) => Object.entries(schema?.properties ?? {}).map(([f, p]) => ({ name, f, p })))
      .filter(({ p }) => !(p as { description?: string }).description);
    expect(silent.map(({ name, f }) => `${name}.${f}`)).toEqual([]);
    // A field is not described by the name of its type once more.
    expect(schemas["io.k8s.api.apps.v1.Deployment"]?.properties).toMatchObject({
      metadata: { description: expect.stringContaining("Standard object's metadata") as string },
      spec: { description: "Specification of the Deployment: what is wanted of it." },
    });
  });

  it("says what a deletion and a log answer with", () => {
    const pod: ServedKind = {
      group: "",
      version: "v1",
      kind: "Pod",
      plural: "pods",
      namespaced: true,
      verbs,
      returnDeleted: true,
      subresources: [{ name: "log", verbs: ["get"] }],
    };
    const api = createOpenApi({ version: "v1.36.0", served: () => [pod, node] });
    const { paths } = JSON.parse(api.v2().body.toString()) as {
      paths: Record<string, Record<string, { responses: Record<string, { schema: unknown }> }>>;
    };
    const answer = (path: string, method: string): unknown => paths[path]?.[method]?.responses["200"]?.schema;
    const status = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Status";
    expect(answer("/api/v1/namespaces/{namespace}/pods/{name}", "delete")).toEqual({
      $ref: "#/definitions/io.k8s.api.core.v1.Pod",
    });
    expect(answer("/api/v1/nodes/{name}", "delete")).toEqual({ $ref: status });
    expect(answer("/api/v1/namespaces/{namespace}/pods/{name}/log", "get")).toEqual({ type: "string" });
  });

  it("puts descriptions in when it has them", () => {
    const descriptions = {
      "io.k8s.api.apps.v1.Deployment": { "": "A deployment.", spec: "What is wanted." },
    };
    const api = createOpenApi({
      version: "v1.36.0",
      served: () => [deployment],
      descriptions: () => descriptions,
    });
    expect(
      read(api.v3("apis/apps/v1")?.body).components.schemas["io.k8s.api.apps.v1.Deployment"],
    ).toMatchObject({
      description: "A deployment.",
      properties: { spec: { description: "What is wanted." } },
    });
  });
});
