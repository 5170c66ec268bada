import { describe, expect, it } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";

interface Resources {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly verbs: readonly string[];
  }[];
}
interface Aggregated {
  readonly kind: string;
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly subresources?: readonly { readonly subresource: string }[];
      }[];
    }[];
  }[];
}

describe("discovery", () => {
  it("lists groups, and the resources of each version", async () => {
    await using api = await startInProcess({ serverAddress: "172.30.0.2:6443" });
    const { body: core } = await raw<{ versions: string[]; serverAddressByClientCIDRs: unknown }>(
      api,
      "GET",
      "/api",
    );
    expect(core.versions).toEqual(["v1"]);
    expect(core.serverAddressByClientCIDRs).toEqual([
      { clientCIDR: "0.0.0.0/0", serverAddress: "172.30.0.2:6443" },
    ]);
    const { body: groups } = await raw<{
      groups: { name: string; preferredVersion: { groupVersion: string } }[];
    }>(api, "GET", "/apis");
    expect(groups.groups.map((g) => g.name)).toContain("apps");
    expect(groups.groups.find((g) => g.name === "autoscaling")?.preferredVersion.groupVersion).toBe(
      "autoscaling/v2",
    );
    for (const { name } of groups.groups) expect((await raw(api, "GET", `/apis/${name}`)).status).toBe(200);
    const { body: apps } = await raw<Resources>(api, "GET", "/apis/apps/v1");
    expect(apps.groupVersion).toBe("apps/v1");
    expect(apps.resources.find((r) => r.name === "deployments/scale")).toMatchObject({
      group: "autoscaling",
      kind: "Scale",
      verbs: ["get", "patch", "update"],
    });
    const deployments = apps.resources.find((r) => r.name === "deployments");
    expect(deployments?.verbs).toEqual([
      "create",
      "delete",
      "deletecollection",
      "get",
      "list",
      "patch",
      "update",
      "watch",
    ]);
    const { body: v1 } = await raw<Resources>(api, "GET", "/api/v1");
    const names = v1.resources.map((r) => r.name);
    for (const name of [
      "pods/exec",
      "pods/log",
      "pods/eviction",
      "services/proxy",
      "serviceaccounts/token",
      "bindings",
    ]) {
      expect(names).toContain(name);
    }
  });

  it("gives all of it in one document, which it need not send twice", async () => {
    await using api = await startInProcess();
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const { headers, body } = await raw<Aggregated>(api, "GET", "/apis", { headers: { accept } });
    expect(headers["content-type"]).toBe(
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    );
    expect(body.kind).toBe("APIGroupDiscoveryList");
    expect(body.items.map((i) => i.metadata.name)).not.toContain(undefined);
    const again = await raw(api, "GET", "/apis", {
      headers: { accept, "if-none-match": headers["etag"] ?? "" },
    });
    expect(again.status).toBe(304);
    const { body: core } = await raw<Aggregated>(api, "GET", "/api", { headers: { accept } });
    const pods = core.items[0]?.versions[0]?.resources.find((r) => r.resource === "pods");
    expect(pods?.subresources?.map((s) => s.subresource)).toContain("exec");
  });

  it("follows kinds that come and go", async () => {
    await using api = await startInProcess();
    const [kind] = api.registry.resources.kinds().filter((k) => k.plural === "deployments");
    if (!kind) throw new Error("no deployments");
    api.registry.resources.remove("apps", "deployments");
    const names = async () =>
      (await raw<Resources>(api, "GET", "/apis/apps/v1")).body.resources.map((r) => r.name);
    expect(await names()).not.toContain("deployments");
    expect((await raw(api, "GET", "/apis/apps/v1/deployments")).body.code).toBe(404);
    api.registry.resources.add(kind);
    expect(await names()).toContain("deployments");
    expect((await raw(api, "GET", "/apis/apps/v1/deployments")).status).toBe(200);
  });

  it("answers version, paths, health and OpenAPI", async () => {
    const wrong: { text: string | undefined } = { text: undefined };
    const check = { name: "bus", run: () => Promise.resolve(wrong.text) };
    await using api = await startInProcess({ health: { live: [], ready: [check] } });
    expect((await raw(api, "GET", "/version")).body).toMatchObject({ major: "1", minor: "36" });
    expect((await raw<{ paths: string[] }>(api, "GET", "/")).body.paths).toContain("/apis/apps/v1");
    expect((await raw(api, "GET", "/readyz")).text).toBe("ok");
    expect((await raw(api, "GET", "/readyz?verbose")).text).toBe("[+]bus ok\nreadyz check passed\n");
    expect((await raw(api, "GET", "/metrics/slis")).text).toContain(
      'kubernetes_healthcheck{name="bus",type="readyz"} 1',
    );
    wrong.text = "not connected";
    expect((await raw(api, "GET", "/metrics/slis")).text).toContain('type="readyz"} 0');
    expect(await raw(api, "GET", "/readyz/bus")).toMatchObject({
      status: 500,
      text: "internal server error: not connected\n",
    });
    expect(await raw(api, "GET", "/readyz?verbose")).toMatchObject({
      status: 500,
      text: "[-]bus failed: reason withheld\nreadyz check failed\n",
    });
    expect((await raw(api, "GET", "/livez")).status).toBe(200);
    expect((await raw(api, "GET", "/nothing")).body).toMatchObject({ code: 404, reason: "NotFound" });
    const { body: index } = await raw<{ paths: Record<string, { serverRelativeURL: string }> }>(
      api,
      "GET",
      "/openapi/v3",
    );
    for (const { serverRelativeURL } of Object.values(index.paths)) {
      const document = await raw(api, "GET", serverRelativeURL);
      expect(document.status).toBe(200);
      expect(document.headers["cache-control"]).toBe("public, immutable");
    }
    expect((await raw(api, "GET", "/openapi/v2")).status).toBe(200);
    expect((await raw(api, "GET", "/openapi/v2", { headers: { accept: "text/html" } })).status).toBe(406);
    for (const at of ["@", "."]) {
      const accept = `application/com.github.proto-openapi.spec.v2${at}v1.0+protobuf`;
      const { status, headers } = await raw(api, "GET", "/openapi/v2", { headers: { accept } });
      expect([status, headers["content-type"]]).toEqual([
        200,
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
      ]);
    }
  });
});
