import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { describe, expect, test } from "vitest";
import type { InProcessApi } from "../../testing/in-process.ts";
import { raw } from "../../testing/raw.ts";
import { startWithDynamicAdmission } from "./in-process.test-support.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const configMaps = "/api/v1/namespaces/default/configmaps";

const deployment = (name: string, replicas: number, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, labels },
  spec: {
    replicas,
    selector: { matchLabels: { app: "a" } },
    template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "nginx" }] } },
  },
});

const rules = (apiGroups: string[], resources: string[], operations = ["CREATE", "UPDATE"]): object => ({
  resourceRules: [{ apiGroups, apiVersions: ["v1"], operations, resources }],
});

async function validating(
  api: InProcessApi,
  name: string,
  spec: object,
  binding: object = {},
): Promise<void> {
  const policy = await raw(api, "POST", `${group}/validatingadmissionpolicies`, {
    body: { metadata: { name }, spec: { matchConstraints: rules(["apps"], ["deployments"]), ...spec } },
  });
  expect(policy.status, policy.text).toBe(201);
  const bound = await raw(api, "POST", `${group}/validatingadmissionpolicybindings`, {
    body: {
      metadata: { name: `${name}-binding` },
      spec: { policyName: name, validationActions: ["Deny"], ...binding },
    },
  });
  expect(bound.status, bound.text).toBe(201);
}

describe("validating policies", () => {
  test("refuse what an expression is false for", async () => {
    await using api = await startWithDynamicAdmission();
    await validating(api, "few", { validations: [{ expression: "object.spec.replicas <= 5" }] });
    const refused = await raw(api, "POST", deployments, { body: deployment("big", 6) });
    expect(refused.status).toBe(422);
    expect(refused.body).toMatchObject({
      reason: "Invalid",
      message: `deployments.apps "big" is forbidden: ValidatingAdmissionPolicy 'few' with binding 'few-binding' denied request: failed expression: object.spec.replicas <= 5`,
    });
    expect((await raw(api, "POST", deployments, { body: deployment("small", 5) })).status).toBe(201);
  });

  test("are checked against the types of the kinds that they name", async () => {
    await using api = await startWithDynamicAdmission();
    await validating(api, "doubtful", {
      variables: [{ name: "count", expression: "object.spec.replicas" }],
      validations: [
        { expression: "object.spec.replicaz > 1" },
        { expression: "variables.count > '1'", messageExpression: "'at ' + object.spec.strategy.typo" },
        { expression: "object.spec.strategy != null && oldObject.metadata.labels['a'] == 'b'" },
      ],
    });
    const status = async (): Promise<unknown> =>
      (await raw(api, "GET", `${group}/validatingadmissionpolicies/doubtful`)).body["status"];
    await expect.poll(status).toEqual({
      observedGeneration: 1,
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: "spec.validations[0].expression",
            warning:
              "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replicaz'\n | object.spec.replicaz > 1\n | ...........^",
          },
          {
            fieldRef: "spec.validations[1].expression",
            warning:
              "apps/v1, Kind=Deployment: ERROR: <input>:1:17: found no matching overload for '_>_' applied to '(int, string)'\n | variables.count > '1'\n | ................^",
          },
          {
            fieldRef: "spec.validations[1].messageExpression",
            warning: expect.stringContaining("undefined field 'typo'") as string,
          },
        ],
      },
    });
  });

  test("know the request, the namespace, variables, and what the user may do", async () => {
    await using api = await startWithDynamicAdmission();
    await validating(api, "many", {
      variables: [
        { name: "replicas", expression: "object.spec.replicas" },
        { name: "twice", expression: "variables.replicas * 2" },
      ],
      validations: [
        {
          expression: "variables.twice < 10",
          messageExpression: "'twice is ' + string(variables.twice)",
          reason: "Forbidden",
        },
        { expression: "request.operation == 'CREATE' && request.userInfo.username == 'system:admin'" },
        { expression: "namespaceObject.metadata.name == 'default'" },
        {
          expression:
            "authorizer.group('apps').resource('deployments').namespace('default').check('delete').allowed()",
        },
        {
          expression:
            "!authorizer.serviceAccount('default', 'x').group('').resource('pods').check('get').allowed()",
        },
        { expression: "authorizer.requestResource.check('create').allowed()" },
        { expression: "oldObject == null" },
      ],
    });
    const refused = await raw(api, "POST", deployments, { body: deployment("big", 6) });
    expect(refused.status).toBe(403);
    expect(refused.body.message).toContain("denied request: twice is 12");
    const created = await raw(api, "POST", deployments, { body: deployment("small", 1) });
    expect(created.status, created.text).toBe(201);
  });

  test("take parameters", async () => {
    await using api = await startWithDynamicAdmission();
    await raw(api, "POST", configMaps, { body: { metadata: { name: "limits" }, data: { max: "2" } } });
    await validating(
      api,
      "limit",
      {
        paramKind: { apiVersion: "v1", kind: "ConfigMap" },
        validations: [{ expression: "object.spec.replicas <= int(params.data.max)", message: "too many" }],
      },
      { paramRef: { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" } },
    );
    expect((await raw(api, "POST", deployments, { body: deployment("a", 3) })).body.message).toContain(
      "too many",
    );
    expect((await raw(api, "POST", deployments, { body: deployment("b", 2) })).status).toBe(201);
    await raw(api, "DELETE", `${configMaps}/limits`);
    expect((await raw(api, "POST", deployments, { body: deployment("c", 1) })).body.message).toContain(
      "no params found for policy binding with `Deny` parameterNotFoundAction",
    );
  });

  test("warn, and let pass what a binding or a condition leaves out", async () => {
    await using api = await startWithDynamicAdmission();
    await validating(
      api,
      "warned",
      {
        matchConditions: [
          {
            name: "not-exempt",
            expression: "!has(object.metadata.labels) || !('exempt' in object.metadata.labels)",
          },
        ],
        validations: [{ expression: "object.spec.replicas < 2" }],
      },
      {
        validationActions: ["Warn"],
        matchResources: { objectSelector: { matchLabels: { checked: "yes" } } },
      },
    );
    const warned = await raw(api, "POST", deployments, { body: deployment("a", 3, { checked: "yes" }) });
    expect(warned.status).toBe(201);
    expect(warned.headers["warning"]).toContain(
      "Validation failed for ValidatingAdmissionPolicy 'warned' with binding 'warned-binding': failed expression",
    );
    const exempt = await raw(api, "POST", deployments, {
      body: deployment("b", 3, { checked: "yes", exempt: "" }),
    });
    expect(exempt.headers["warning"]).toBeUndefined();
    const other = await raw(api, "POST", deployments, { body: deployment("c", 3) });
    expect(other.headers["warning"]).toBeUndefined();
  });

  test("that fail refuse or let pass as they say", async () => {
    await using api = await startWithDynamicAdmission();
    await validating(api, "strict", { validations: [{ expression: "object.spec.nothing == 1" }] });
    const refused = await raw(api, "POST", deployments, { body: deployment("a", 1) });
    expect(refused.body.message).toContain(
      "expression 'object.spec.nothing == 1' resulted in error: no such key: nothing",
    );
    await raw(api, "DELETE", `${group}/validatingadmissionpolicies/strict`);
    await validating(api, "lax", {
      failurePolicy: "Ignore",
      validations: [{ expression: "object.spec.nothing == 1" }],
    });
    expect((await raw(api, "POST", deployments, { body: deployment("a", 1) })).status).toBe(201);
  });
});

test("expressions that are none are refused when they are written", async () => {
  await using api = await startWithDynamicAdmission();
  const post = (spec: object) =>
    raw(api, "POST", `${group}/validatingadmissionpolicies`, {
      body: {
        metadata: { name: "p" },
        spec: { matchConstraints: rules(["apps"], ["deployments"]), ...spec },
      },
    });
  const broken = await post({ validations: [{ expression: "object.spec ==" }] });
  expect(broken.status).toBe(422);
  expect(broken.body.message).toContain(
    'spec.validations[0].expression: Invalid value: "object.spec ==": compilation failed',
  );
  const unknown = await post({ validations: [{ expression: "nothing.spec == 1" }] });
  expect(unknown.body.message).toContain("undeclared reference to 'nothing'");
  const undeclared = await post({
    variables: [{ name: "a", expression: "variables.b" }],
    validations: [{ expression: "variables.a == 1 && variables.c" }],
  });
  expect(undeclared.body.message).toContain("undefined field 'b'");
  expect(undeclared.body.message).toContain("undefined field 'c'");
  const text = await post({ validations: [{ expression: "'yes'" }] });
  expect(text.body.message).toContain("must evaluate to bool");
});

describe("mutating policies", () => {
  const mutating = async (api: InProcessApi, name: string, spec: object): Promise<void> => {
    const policy = await raw(api, "POST", `${group}/mutatingadmissionpolicies`, {
      body: { metadata: { name }, spec: { matchConstraints: rules(["apps"], ["deployments"]), ...spec } },
    });
    expect(policy.status, policy.text).toBe(201);
    const bound = await raw(api, "POST", `${group}/mutatingadmissionpolicybindings`, {
      body: { metadata: { name }, spec: { policyName: name } },
    });
    expect(bound.status, bound.text).toBe(201);
  };

  test("apply a configuration, merging lists by their keys", async () => {
    await using api = await startWithDynamicAdmission();
    await mutating(api, "sidecar", {
      matchConditions: [
        { name: "once", expression: "!object.spec.template.spec.containers.exists(c, c.name == 'side')" },
      ],
      mutations: [
        {
          patchType: "ApplyConfiguration",
          applyConfiguration: {
            expression: `Object{
              metadata: Object.metadata{labels: {"mutated": "yes"}},
              spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
                containers: [Object.spec.template.spec.containers{name: "side", image: "proxy"}]
              }}}
            }`,
          },
        },
      ],
    });
    const { body, status, text } = await raw(api, "POST", deployments, { body: deployment("a", 1) });
    expect(status, text).toBe(201);
    expect(body.metadata.labels).toEqual({ mutated: "yes" });
    const spec = body["spec"] as { template: { spec: { containers: { name: string; image: string }[] } } };
    expect(spec.template.spec.containers.map((c) => `${c.name} ${c.image}`)).toEqual([
      "c nginx",
      "side proxy",
    ]);
  });

  test("apply JSON patches", async () => {
    await using api = await startWithDynamicAdmission();
    await mutating(api, "patch", {
      mutations: [
        {
          patchType: "JSONPatch",
          jsonPatch: {
            expression: `[
              JSONPatch{op: "test", path: "/spec/replicas", value: 1},
              JSONPatch{op: "replace", path: "/spec/replicas", value: object.spec.replicas + 2},
              JSONPatch{op: "add", path: "/metadata/annotations", value: {"made": "x"}},
              JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey("made/by"), value: "policy"}
            ]`,
          },
        },
      ],
    });
    const { body } = await raw(api, "POST", deployments, { body: deployment("a", 1) });
    expect(body["spec"]).toMatchObject({ replicas: 3 });
    expect(body.metadata.annotations).toEqual({ made: "x", "made/by": "policy" });
    const refused = await raw(api, "POST", deployments, { body: deployment("b", 2) });
    expect(refused.status).toBe(422);
    expect(refused.body.message).toContain(
      "MutatingAdmissionPolicy 'patch' with binding 'patch' denied request",
    );
  });
});
