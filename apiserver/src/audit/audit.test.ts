import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ApiRequest, RequestInfo, UserInfo } from "../request.ts";
import { createAudit } from "./audit.ts";
import { auditDecision, parseAuditPolicy } from "./policy.ts";

const user: UserInfo = { username: "alice", groups: ["dev"] };
const info = (more: Partial<RequestInfo> = {}): RequestInfo => ({
  isResource: true,
  verb: "create",
  path: "/api/v1/namespaces/a/pods",
  group: "",
  version: "v1",
  resource: "pods",
  subresource: "",
  namespace: "a",
  name: "",
  ...more,
});
const request = (headers: Record<string, string> = {}): ApiRequest => ({
  method: "POST",
  path: "/api/v1/namespaces/a/pods",
  query: new URLSearchParams("dryRun=All"),
  headers,
  body: new Uint8Array(),
  remoteAddress: "10.0.0.1",
  signal: new AbortController().signal,
});
const shipped = readFileSync(new URL("../../../images/coracle/audit-policy.yaml", import.meta.url), "utf8");
const policy = (text: string) => parseAuditPolicy(`apiVersion: audit.k8s.io/v1\nkind: Policy\n${text}`);

describe("an audit policy", () => {
  const rules = policy(`
omitStages: [RequestReceived]
rules:
- {level: None, users: [bob]}
- {level: Metadata, resources: [{group: "", resources: [secrets, "pods/*"]}]}
- {level: Request, verbs: [create], namespaces: [a], resources: [{group: apps, resources: [deployments], resourceNames: [web]}]}
- {level: Metadata, nonResourceURLs: ["/healthz*"]}
- {level: RequestResponse, userGroups: [dev]}
`);
  const level = (i: RequestInfo, u = user) => auditDecision(rules, u, i).level;

  it("decides by the first rule that matches", () => {
    expect(level(info(), { username: "bob", groups: [] })).toBe("None");
    expect(level(info({ resource: "secrets" }))).toBe("Metadata");
    expect(level(info({ subresource: "exec" }))).toBe("Metadata");
    expect(level(info())).toBe("RequestResponse");
    const web = { group: "apps", resource: "deployments", name: "web" };
    expect(level(info(web))).toBe("Request");
    expect(level(info({ ...web, namespace: "b" }))).toBe("RequestResponse");
    expect(level(info({ isResource: false, path: "/healthz/etcd" }))).toBe("Metadata");
    expect(level(info({ isResource: false, path: "/x" }), { username: "eve", groups: [] })).toBe("None");
  });

  it("is refused where it is wrong", () => {
    expect(() => policy("rules: []")).toThrow("rules must not be empty");
    expect(() => policy("rules: [{level: All}]")).toThrow("rules[0].level must be one of");
    expect(() => policy("rules: [{level: None, omitStages: [X]}]")).toThrow('no stage "X"');
  });
});

describe("the audit log", () => {
  const managed = { metadata: { name: "x", managedFields: [{}] }, data: { password: "hunter2" } };
  const record = (
    text: string | undefined,
    i: RequestInfo,
    headers = {},
    answer: object = managed,
  ): Record<string, unknown>[] => {
    const lines: string[] = [];
    const audit = createAudit({
      policy: text === undefined ? parseAuditPolicy(shipped) : policy(text),
      sink: (l) => lines.push(l),
      now: () => new Date("2026-11-23T10:00:00.5Z"),
    });
    const r = audit(request(headers), i);
    r.identified(user);
    r.impersonated({ username: "jane", groups: [] });
    r.annotate("authorization.k8s.io/decision", "allow");
    r.completed({ code: 201, requestObject: managed, responseObject: answer });
    return lines.map((l) => JSON.parse(l) as Record<string, unknown>);
  };

  it("tells who did what, when and how it ended", () => {
    expect(
      record("rules: [{level: Metadata}]", info(), { "audit-id": "given", "user-agent": "kubectl" }),
    ).toEqual([
      expect.objectContaining({ stage: "RequestReceived" }),
      {
        kind: "Event",
        apiVersion: "audit.k8s.io/v1",
        level: "Metadata",
        auditID: "given",
        stage: "ResponseComplete",
        requestURI: "/api/v1/namespaces/a/pods?dryRun=All",
        verb: "create",
        user: { username: "alice", groups: ["dev"] },
        impersonatedUser: { username: "jane", groups: [] },
        sourceIPs: ["10.0.0.1"],
        userAgent: "kubectl",
        objectRef: { resource: "pods", namespace: "a", name: "x", apiVersion: "v1" },
        responseStatus: { metadata: {}, code: 201 },
        requestReceivedTimestamp: "2026-11-23T10:00:00.500000Z",
        stageTimestamp: "2026-11-23T10:00:00.500000Z",
        annotations: { "authorization.k8s.io/decision": "allow" },
      },
    ]);
  });

  it("has bodies as the level allows", () => {
    const [, request] = record("rules: [{level: Request}]", info());
    expect([request?.["requestObject"] !== undefined, request?.["responseObject"]]).toEqual([
      true,
      undefined,
    ]);
    const [, both] = record("rules: [{level: RequestResponse, omitManagedFields: true}]", info());
    expect(both).toMatchObject({ responseObject: { metadata: { name: "x" } } });
    expect(JSON.stringify(both)).not.toContain("managedFields");
  });

  it("leaves managed fields out of lists and tables too, by a rule or by the whole policy", () => {
    const list = { kind: "PodList", metadata: {}, items: [managed] };
    const table = { kind: "Table", metadata: {}, rows: [{ cells: ["x"], object: managed }] };
    const texts = [
      "rules: [{level: RequestResponse, omitManagedFields: true}]",
      "omitManagedFields: true\nrules: [{level: RequestResponse}]",
    ];
    for (const text of texts) {
      for (const answer of [list, table]) {
        const [, event] = record(text, info({ verb: "list" }), {}, answer);
        expect(JSON.stringify(event)).toContain("hunter2");
        expect(JSON.stringify(event)).not.toContain("managedFields");
      }
    }
    const kept = "omitManagedFields: true\nrules: [{level: RequestResponse, omitManagedFields: false}]";
    expect(JSON.stringify(record(kept, info()))).toContain("managedFields");
  });

  it("has the content of a Secret or a token only by a rule that is about them", () => {
    const named = 'rules: [{level: Request, resources: [{group: "", resources: [secrets]}]}]';
    expect(JSON.stringify(record(named, info({ resource: "secrets" })))).toContain("hunter2");
    for (const i of [
      info({ resource: "secrets" }),
      info({ resource: "serviceaccounts", subresource: "token" }),
    ]) {
      const text = JSON.stringify(record("rules: [{level: RequestResponse}]", i));
      expect(text).not.toContain("hunter2");
      expect(text).toContain('"level":"Metadata"');
    }
  });

  it("by default records changes and no reads", () => {
    expect(record(undefined, info())).toHaveLength(1);
    expect(record(undefined, info({ verb: "list" }))).toEqual([]);
    expect(record(undefined, info({ verb: "get", subresource: "log" }))).toEqual([]);
    // kubectl's WebSocket.
    expect(record(undefined, info({ verb: "get", subresource: "exec" }))).toHaveLength(1);
    expect(
      record(undefined, info({ verb: "update", group: "coordination.k8s.io", resource: "leases" })),
    ).toEqual([]);
  });
});
