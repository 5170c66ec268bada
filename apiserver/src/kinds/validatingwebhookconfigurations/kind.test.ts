import { describe, expect, test } from "vitest";
import { created, refusals, row } from "../kind.test-support.ts";
import { mutatingWebhookConfigurations } from "../mutatingwebhookconfigurations/kind.ts";
import { validatingAdmissionPolicies } from "../validatingadmissionpolicies/kind.ts";
import { validatingAdmissionPolicyBindings } from "../validatingadmissionpolicybindings/kind.ts";
import { validatingWebhookConfigurations } from "./kind.ts";

const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
const webhook = {
  name: "check.example.com",
  clientConfig: { service: { namespace: "default", name: "check" } },
  rules: [rule],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
};

describe("webhooks", () => {
  test("defaults", () => {
    const completed = {
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      timeoutSeconds: 10,
      namespaceSelector: {},
      objectSelector: {},
      rules: [{ scope: "*" }],
      clientConfig: { service: { port: 443 } },
    };
    expect(created(validatingWebhookConfigurations, { webhooks: [webhook] })).toMatchObject({
      webhooks: [completed],
    });
    expect(created(mutatingWebhookConfigurations, { webhooks: [webhook] })).toMatchObject({
      webhooks: [{ ...completed, reinvocationPolicy: "Never" }],
    });
  });

  test("refusals", () => {
    expect(refusals(validatingWebhookConfigurations, { webhooks: [webhook] })).toEqual([]);
    const bad = {
      name: "check",
      clientConfig: { url: "http://x/y?z" },
      rules: [{ ...rule, operations: ["*", "CREATE"], resources: ["*", "pods"] }],
      admissionReviewVersions: ["v9"],
      timeoutSeconds: 60,
    };
    expect(refusals(validatingWebhookConfigurations, { webhooks: [bad] })).toEqual([
      'webhooks[0].name: Invalid value: "check": should be a domain with at least three segments separated by dots',
      'webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1',
      "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
      'webhooks[0].clientConfig.url: Invalid value: "z": query parameters are not permitted in the URL',
      'webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations',
      'webhooks[0].rules[0].resources: Invalid value: ["*","pods"]: if \'*\' is present, must not specify other resources without subresources',
      "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun",
      "webhooks[0].timeoutSeconds: Invalid value: 60: the timeout value must be between 1 and 30 seconds",
    ]);
    expect(row(validatingWebhookConfigurations, { webhooks: [webhook] })).toMatchObject({ WEBHOOKS: 1 });
  });
});

describe("policies", () => {
  test("refusals and lines", () => {
    const spec = {
      matchConstraints: { resourceRules: [rule] },
      validations: [{ expression: "object.spec.replicas <= 5" }],
    };
    expect(refusals(validatingAdmissionPolicies, { spec })).toEqual([]);
    expect(refusals(validatingAdmissionPolicies, { spec: { variables: [{ name: "1a" }] } }).length).toBe(5);
    expect(row(validatingAdmissionPolicies, { spec })).toMatchObject({
      VALIDATIONS: 1,
      PARAMKIND: "<unset>",
    });
    expect(
      refusals(validatingAdmissionPolicyBindings, {
        spec: { policyName: "p", validationActions: ["Deny", "Deny", "Shout"], paramRef: { name: "a" } },
      }),
    ).toEqual([
      "spec.paramRef.parameterNotFoundAction: Required value",
      'spec.validationActions[1]: Duplicate value: "Deny"',
      'spec.validationActions[2]: Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"',
    ]);
  });
});
