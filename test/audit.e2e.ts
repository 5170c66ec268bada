import { expect, test } from "vitest";
import { useNamespace } from "./support/namespace.ts";
import { eventually, kubectl, tryKubectl } from "./support/run.ts";
import { startSecondServer } from "./support/second-server.ts";

const ns = useNamespace("audit");
const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: RequestResponse
    namespaces: ["${ns}"]
    omitStages: [RequestReceived]
    omitManagedFields: true
    resources: [{ group: "", resources: [configmaps] }]
  - level: Metadata
    namespaces: ["${ns}"]
    resources: [{ group: "", resources: [secrets] }]
  - level: Request
    namespaces: ["${ns}"]
    verbs: [create]
    resources: [{ group: apps }]
  - level: None
`;

interface Event {
  readonly level: string;
  readonly stage: string;
  readonly verb: string;
  readonly auditID: string;
  readonly user: { readonly username: string };
  readonly impersonatedUser?: { readonly username: string };
  readonly objectRef?: { readonly resource: string; readonly name?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestObject?: { readonly data?: object };
  readonly responseObject?: { readonly metadata: object; readonly data?: object };
  readonly annotations: Readonly<Record<string, string>>;
}

test("the audit log tells who did what, as much of it as its policy says", async () => {
  await using server = await startSecondServer(
    { CORACLE_AUDIT_LOG: "-", CORACLE_AUDIT_POLICY: "/policy.yaml" },
    { "/policy.yaml": policy },
  );
  const here = ["--server", server.url, "-n", ns];
  await kubectl("create", "configmap", "told", "--from-literal=a=b", ...here);
  await kubectl("get", "configmaps", ...here);
  await kubectl("get", "configmaps", "--watch", "--request-timeout=1s", ...here).catch(() => undefined);
  await kubectl("patch", "configmap", "told", "--type=merge", '--patch={"data":{"a":"c"}}', ...here);
  await tryKubectl("delete", "configmap", "told", "--as=jane", ...here);
  await kubectl("delete", "configmap", "told", ...here);
  await kubectl("create", "secret", "generic", "hidden", "--from-literal=password=hunter2", ...here);
  await kubectl("create", "deployment", "d", "--image=x", "--replicas=0", ...here);
  await kubectl("get", "nodes", ...here);

  const { text, events } = await eventually("the last event", async () => {
    const lines = (await server.output()).split("\n").filter((line) => line.includes('"audit.k8s.io/v1"'));
    const parsed = lines.map((line) => JSON.parse(line) as Event);
    const done = parsed.some((e) => e.objectRef?.resource === "deployments");
    return done ? { text: lines.join(), events: parsed } : undefined;
  });
  const of = (resource: string, verb: string) =>
    events.filter((e) => e.objectRef?.resource === resource && e.verb === verb);
  const only = (resource: string, verb: string): Event => {
    const [event, ...more] = of(resource, verb);
    if (!event || more.length > 0) throw new Error(`${more.length + 1} events of ${verb} ${resource}`);
    return event;
  };

  expect(only("configmaps", "create")).toMatchObject({
    level: "RequestResponse",
    stage: "ResponseComplete",
    user: { username: "kubernetes-admin" },
    sourceIPs: [expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)],
    objectRef: { name: "told" },
    responseStatus: { code: 201 },
    requestObject: { data: { a: "b" } },
    responseObject: { data: { a: "b" } },
    annotations: { "authorization.k8s.io/decision": "allow" },
  });
  expect(text).not.toContain("managedFields");
  expect(only("configmaps", "patch")).toMatchObject({ requestObject: { data: { a: "c" } } });
  expect(of("configmaps", "list")[0]).toMatchObject({ responseStatus: { code: 200 } });
  expect(of("configmaps", "watch").map(({ stage }) => stage)).toEqual([
    "ResponseStarted",
    "ResponseComplete",
  ]);
  expect(
    of("configmaps", "delete").map((e) => [e.impersonatedUser?.username, e.responseStatus?.code]),
  ).toEqual([
    ["jane", 403],
    [undefined, 200],
  ]);
  expect(of("configmaps", "delete")[0]?.annotations).toMatchObject({
    "authorization.k8s.io/decision": "forbid",
  });

  const secret = of("secrets", "create");
  expect(secret.map(({ level, stage }) => [level, stage])).toEqual([
    ["Metadata", "RequestReceived"],
    ["Metadata", "ResponseComplete"],
  ]);
  expect(new Set(secret.map(({ auditID }) => auditID)).size).toBe(1);
  expect(text).not.toContain(Buffer.from("hunter2").toString("base64"));
  const deployment = of("deployments", "create").at(-1);
  expect(deployment).toMatchObject({ level: "Request", requestObject: { kind: "Deployment" } });
  expect(deployment).not.toHaveProperty("responseObject");
  expect(events.filter((e) => e.objectRef?.resource === "nodes")).toEqual([]);
});
