import { expect, test } from "vitest";
import { toolPod, webDeployment } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { kubectl, kubectlWith, tryKubectl, tryKubectlWith } from "./support/run.ts";

const ns = useNamespace("bad-input");
const apply = (yaml: string, ...flags: string[]) =>
  tryKubectlWith(yaml, "apply", "-n", ns, ...flags, "-f", "-");

test("malformed YAML is refused", async () => {
  const out = await apply("apiVersion: v1\nkind: [Pod\n");
  expect(out.code).toBe(1);
  expect(out.stderr).toMatch(/error (converting YAML|parsing)|did not find expected/);
});

test("an unknown field is refused with --validate=strict and warned of otherwise", async () => {
  const yaml = webDeployment("typo", 1).replace("replicas: 1", "replicaz: 1");
  const strict = await apply(yaml, "--validate=strict");
  expect(strict.code).toBe(1);
  expect(strict.stderr).toContain('unknown field "spec.replicaz"');
  const warned = await apply(yaml, "--validate=warn", "--dry-run=server");
  expect(warned.code).toBe(0);
  expect(warned.stderr).toContain('unknown field "spec.replicaz"');
});

test("a wrong type is named", async () => {
  const out = await apply(
    webDeployment("typed", 1).replace("replicas: 1", "replicas: many"),
    "--validate=false",
  );
  expect(out.code).toBe(1);
  expect(out.stderr).toMatch(/cannot unmarshal string into Go struct field .*replicas/);
});

test("a port that is not a number is refused", async () => {
  const out = await apply(
    webDeployment("ports", 1).replace("containerPort: 80", "containerPort: http"),
    "--validate=false",
  );
  expect(out.code).toBe(1);
  expect(out.stderr).toMatch(/cannot unmarshal string|Invalid value/);
});

test("a missing required field is named by its path", async () => {
  const out = await apply(
    "apiVersion: v1\nkind: Pod\nmetadata: { name: empty }\nspec: { containers: [{ name: main }, { image: busybox }] }\n",
    "--validate=false",
  );
  expect(out.code).toBe(1);
  expect(out.stderr).toContain("spec.containers[0].image: Required value");
  expect(out.stderr).toContain("spec.containers[1].name: Required value");
});

test("names must be DNS names", async () => {
  const out = await apply(toolPod("Not_A_Name"));
  expect(out.code).toBe(1);
  expect(out.stderr).toContain("metadata.name: Invalid value");
  expect(out.stderr).toContain("RFC 1123 subdomain");
});

test("a ConfigMap over 1 MiB is refused", async () => {
  const yaml = JSON.stringify({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "big" },
    data: { a: "x".repeat(1_100_000) },
  });
  const out = await tryKubectlWith(yaml, "create", "-n", ns, "-f", "-");
  expect(out.code).toBe(1);
  expect(out.stderr).toMatch(/Too long|too large/i);
  expect((await tryKubectl("get", "configmap", "big", "-n", ns)).stderr).toContain("NotFound");
});

test("a stale resourceVersion conflicts and nothing is lost", async () => {
  await kubectl("create", "configmap", "race", "-n", ns, "--from-literal=n=1");
  const old = await kubectl("get", "configmap", "race", "-n", ns, "-o", "json");
  await kubectl("patch", "configmap", "race", "-n", ns, "--type=merge", "-p", '{"data":{"n":"2"}}');
  const out = await tryKubectlWith(old, "replace", "-f", "-");
  expect(out.code).toBe(1);
  expect(out.stderr).toContain(
    "the object has been modified; please apply your changes to the latest version and try again",
  );
  expect(await kubectl("get", "configmap", "race", "-n", ns, "-o", "jsonpath={.data.n}")).toBe("2");
});

test("the same name twice is AlreadyExists, and what is not there is NotFound", async () => {
  await kubectl("create", "configmap", "once", "-n", ns);
  expect((await tryKubectl("create", "configmap", "once", "-n", ns)).stderr).toContain(
    'configmaps "once" already exists',
  );
  expect((await tryKubectl("get", "pod", "nobody", "-n", ns)).stderr).toContain(
    'Error from server (NotFound): pods "nobody" not found',
  );
  expect((await tryKubectl("get", "thing")).stderr).toContain(
    `the server doesn't have a resource type "thing"`,
  );
});

test("an immutable selector is refused on update", async () => {
  await kubectlWith(webDeployment("fixed", 0), "apply", "-n", ns, "-f", "-");
  const out = await tryKubectl(
    "patch",
    "deployment",
    "fixed",
    "-n",
    ns,
    "--type=merge",
    "-p",
    '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}',
  );
  expect(out.code).toBe(1);
  expect(out.stderr).toContain("field is immutable");
});

test("a pod that fits nowhere says why", async () => {
  await kubectlWith(
    toolPod("huge", "      resources: { requests: { cpu: 1k } }\n"),
    "apply",
    "-n",
    ns,
    "-f",
    "-",
  );
  await kubectl("wait", "-n", ns, "--for=condition=PodScheduled=False", "pod/huge", "--timeout=30s");
  expect(
    await kubectl(
      "get",
      "pod",
      "huge",
      "-n",
      ns,
      "-o",
      'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}',
    ),
  ).toMatch(/^0\/\d+ nodes are available: \d+ Insufficient cpu/);
  await kubectl("delete", "pod", "huge", "-n", ns, "--wait=false");
});
