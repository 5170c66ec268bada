import { expect, test } from "vitest";
import { eventually } from "../support/run.ts";
import type { Table } from "./table.ts";

/** What only reads. */
export function looking(table: Table): void {
  const { k, plain, tryPlain } = table.cli;
  const { ns, minor } = table;
  test("api-resources and api-versions", async () => {
    const resources = await plain("api-resources");
    for (const line of [
      /^pods\s+po\s+v1\s+true\s+Pod$/m,
      /^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment$/m,
      /^nodes\s+no\s+v1\s+false\s+Node$/m,
    ])
      expect(resources).toMatch(line);
    expect((await plain("api-versions")).split("\n")).toEqual(
      expect.arrayContaining(["v1", "apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1"]),
    );
  });
  test("cluster-info names the control plane and the DNS", async () => {
    const info = await plain("cluster-info");
    expect(info).toContain("Kubernetes control plane");
    expect(info).toContain("kube-dns:dns/proxy");
  });
  test("get in every output form", async () => {
    expect(await k("get", "deployment", "web")).toMatch(
      /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+2\/2\s+2\s+2\s+\d+s/,
    );
    expect(await k("get", "deployment", "web", "-o", "wide")).toMatch(
      /CONTAINERS\s+IMAGES\s+SELECTOR\n.*nginx\s+nginx:\S+\s+app=web/,
    );
    expect(await k("get", "deployment", "web", "-o", "name")).toBe("deployment.apps/web\n");
    expect(JSON.parse(await k("get", "deployment", "web", "-o", "json"))).toMatchObject({
      apiVersion: "apps/v1",
      kind: "Deployment",
    });
    expect(await k("get", "deployment", "web", "-o", "yaml")).toMatch(
      /^apiVersion: apps\/v1\nkind: Deployment/,
    );
    expect(await k("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")).toBe("2");
    expect(await k("get", "deployment", "web", "-o", "go-template={{.metadata.name}}")).toBe("web");
    expect(
      await k("get", "pods", "-l", "app=web", "-o", "custom-columns=NAME:.metadata.name", "--no-headers"),
    ).toMatch(/^web-\S+\nweb-\S+\n$/);
    expect(await k("get", "pods", "--sort-by=.metadata.name", "-o", "wide")).toMatch(
      /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/,
    );
    expect(await k("get", "pods", "--show-labels")).toMatch(/LABELS\n/);
    expect(await k("get", "all")).toContain("replicaset.apps/web-");
    expect(await k("get", "pods", "--field-selector=metadata.name=tool", "-o", "name")).toBe("pod/tool\n");
    expect(await k("get", "pods,services", "-o", "name")).toContain("service/web");
    expect(await k("get", "--raw", `/api/v1/namespaces/${ns}/pods/tool`)).toContain('"kind":"Pod"');
  });
  test("describe of each kind tells its state and events", async () => {
    const pod = await k("describe", "pod", "tool");
    for (const part of [
      /^Status:\s+Running$/m,
      /^QoS Class:\s+BestEffort$/m,
      /Normal\s+Scheduled\s+.*Successfully assigned/,
      /Normal\s+Started/,
    ])
      expect(pod).toMatch(part);
    expect(await k("describe", "deployment", "web")).toMatch(
      /Replicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/,
    );
    expect(await k("describe", "service", "web")).toMatch(/Endpoints:\s+\d+\.\d+\.\d+\.\d+:80/);
    expect(await plain("describe", "node", "node-1")).toMatch(/Ready\s+True/);
    expect(await plain("describe", "namespace", ns)).toMatch(/Status:\s+Active/);
    expect(await k("describe", "replicaset")).toContain("Controlled By:  Deployment/web");
    expect(await k("describe", "serviceaccount", "default")).toContain("Name:                default");
  });
  test("explain, at depth", async () => {
    const text = await plain("explain", "deployment.spec.template.spec.containers.livenessProbe.httpGet");
    // Types have had names of their own since OpenAPI v3 is read.
    expect(text).toMatch(minor < 27 ? /RESOURCE: httpGet <Object>/ : /FIELD: httpGet <HTTPGetAction>/);
    expect(text).toMatch(minor < 27 ? /port\s+<string> -required-/ : /port\s+<IntOrString> -required-/);
    expect(text).toContain("Path to access on the HTTP server.");
    expect(await plain("explain", "pods", "--recursive")).toContain("topologySpreadConstraints");
    expect((await tryPlain("explain", "pods.spec.nope")).stderr).toContain('field "nope" does not exist');
  });
  test.skipIf(minor < 26)("events", async () => {
    expect(await k("events", "--for=pod/tool")).toMatch(/Normal\s+Scheduled\s+Pod\/tool/);
  });
  test("top", async () => {
    await eventually(
      "figures of the pods",
      async () => /tool\s+\d+m\s+\d+Mi/.test(await k("top", "pods")),
      60_000,
    );
    expect(await plain("top", "nodes")).toMatch(/node-1\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/);
  });
}
