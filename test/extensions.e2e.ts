import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { servingCertificate } from "./support/certificates.ts";
import { useNamespace } from "./support/namespace.ts";
import { eventually, kubectl, kubectlWith, root, tryKubectl, tryKubectlWith } from "./support/run.ts";

/** What extends the API of a running cluster: custom resources, webhooks, policies, servers of their own. */
const ns = useNamespace("extensions");
const only = (): string => `{ matchLabels: { kubernetes.io/metadata.name: ${ns} } }`;
let caBundle = "";

const client = (path: string): string =>
  `{ caBundle: ${caBundle}, service: { name: extension, namespace: ${ns}, path: ${path} } }`;
/** kubectl takes what begins with a brace for JSON, all of it. */
const apply = (yaml: string): Promise<string> => kubectlWith(`---\n${yaml}`, "apply", "-n", ns, "-f", "-");
/** What kubectl says when the server refuses. */
const refusal = async (yaml: string, ...command: string[]): Promise<string> => {
  const { code, stderr } = await tryKubectlWith(yaml, ...command, "-n", ns, "-f", "-");
  expect(code, stderr).toBe(1);
  return stderr;
};

beforeAll(async () => {
  const pem = await servingCertificate([`extension.${ns}.svc`]);
  ({ caBundle } = pem);
  const script = await readFile(`${root}test/fixtures/extension-server.mjs`, "utf8");
  const object = (kind: string, name: string, data: object): string =>
    JSON.stringify({ apiVersion: "v1", kind, metadata: { name }, ...data });
  await apply(`
${object("ConfigMap", "extension", { data: { "server.mjs": script } })}
---
${object("Secret", "extension", { stringData: { "tls.key": pem.key, "tls.crt": pem.certificate } })}
---
apiVersion: v1
kind: Service
metadata: { name: extension }
spec: { selector: { app: extension }, ports: [{ port: 443, targetPort: 8443 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: extension, labels: { app: extension } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: node:24-bookworm-slim
      command: [node, /app/server.mjs]
      readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 }
      volumeMounts: [{ name: app, mountPath: /app }, { name: tls, mountPath: /tls }]
  volumes:
    - { name: app, configMap: { name: extension } }
    - { name: tls, secret: { secretName: extension } }
`);
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/extension", "--timeout=60s");
});

describe("webhooks", () => {
  const configuration = (kind: string, webhooks: string): string => `
apiVersion: admissionregistration.k8s.io/v1
kind: ${kind}
metadata: { name: ${ns} }
webhooks:
${webhooks}`;
  const webhook = (name: string, path: string, rules: string, more = ""): string => `
  - name: ${name}.example.com
    clientConfig: ${client(path)}
    rules: [${rules}]
    namespaceSelector: ${only()}
    sideEffects: None
    admissionReviewVersions: [v1]
    ${more}`;
  const rule = (resources: string, operations = "CREATE, UPDATE"): string =>
    `{ apiGroups: [""], apiVersions: [v1], operations: [${operations}], resources: [${resources}] }`;

  test("change, refuse, time out and stand aside as their configuration says", async () => {
    await apply(
      configuration(
        "MutatingWebhookConfiguration",
        webhook(
          "mutate",
          "/mutate",
          rule("configmaps"),
          `matchConditions: [{ name: wanted, expression: "object.metadata.name != 'kube-root-ca.crt'" }]`,
        ),
      ),
    );
    await apply(
      configuration(
        "ValidatingWebhookConfiguration",
        [
          webhook("judge", "/validate", rule("configmaps", '"*"')),
          webhook("attach", "/refuse", rule("pods/attach", "CONNECT")),
          webhook(
            "whoami",
            "/refuse",
            rule("pods/exec", "CONNECT"),
            `matchConditions: [{ name: asked, expression: "object.command[0] == 'whoami'" }]`,
          ),
          webhook("slow", "/hang", rule("secrets"), "timeoutSeconds: 1"),
          webhook("careless", "/hang", rule("limitranges"), "timeoutSeconds: 1\n    failurePolicy: Ignore"),
        ].join(""),
      ),
    );
    try {
      // A server learns of a configuration through its watch.
      const labels = (name: string): Promise<string> =>
        kubectl("get", "configmap", name, "-n", ns, "-o", "jsonpath={.metadata.labels}");
      const warned = await eventually("the mutating webhook is asked", async () => {
        const { stderr } = await tryKubectl("create", "configmap", "a", "-n", ns);
        if (stderr.includes("mutated by the test")) return stderr;
        await kubectl("delete", "configmap", "a", "-n", ns);
        return undefined;
      });
      expect(warned).toBe("Warning: mutated by the test\n");
      expect(await labels("a")).toBe('{"mutated":"yes"}');

      const denied = await tryKubectl("label", "configmap", "a", "-n", ns, "deny=update");
      expect(denied.stderr).toContain(
        'admission webhook "judge.example.com" denied the request: no UPDATE of this',
      );
      expect(await labels("a")).toBe('{"mutated":"yes"}');
      await kubectl("label", "configmap", "a", "-n", ns, "deny=delete");
      expect((await tryKubectl("delete", "configmap", "a", "-n", ns)).stderr).toContain("no DELETE of this");
      await kubectl("label", "configmap", "a", "-n", ns, "deny-");

      expect((await tryKubectl("attach", "extension", "-n", ns)).stderr).toContain("nobody gets in");
      expect(await kubectl("exec", "extension", "-n", ns, "--", "echo", "in")).toBe("in\n");
      expect((await tryKubectl("exec", "extension", "-n", ns, "--", "whoami")).stderr).toContain(
        "nobody gets in",
      );

      const late = await tryKubectl("create", "secret", "generic", "late", "-n", ns);
      expect(late.stderr).toContain(
        `failed calling webhook "slow.example.com": failed to call webhook: Post "https://extension.${ns}.svc:443/hang?timeout=1s": context deadline exceeded`,
      );
      const limits = "apiVersion: v1\nkind: LimitRange\nmetadata: { name: careless }\nspec: { limits: [] }";
      expect(await apply(limits)).toContain("created");
    } finally {
      for (const kind of ["mutating", "validating"])
        await kubectl("delete", `${kind}webhookconfiguration`, ns, "--ignore-not-found");
    }
  });
});

describe("custom resources", () => {
  test("have a schema with defaults, rules, columns, scale, explanations, and refuse what it does not know", async () => {
    const name = `crontabs.${ns}.example.com`;
    const group = `${ns}.example.com`;
    await apply(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${name} }
spec:
  group: ${group}
  scope: Namespaced
  names: { plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ctb], categories: [all] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas }
      additionalPrinterColumns: [{ name: Spec, type: string, jsonPath: .spec.cronSpec }]
      selectableFields: [{ jsonPath: .spec.image }]
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [cronSpec]
              properties:
                cronSpec: { type: string, pattern: '^[-0-9*/, ]+$', description: when it runs }
                image: { type: string, default: "busybox:1.36" }
                replicas: { type: integer, minimum: 1 }
                template: { type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true }
              x-kubernetes-validations:
                - { rule: "!has(self.replicas) || self.replicas != 7", message: seven brings bad luck }
            status: { type: object, properties: { replicas: { type: integer } } }
`);
    try {
      await kubectl("wait", "--for=condition=Established", `crd/${name}`, "--timeout=30s");
      const crontab = (spec: string): string =>
        `apiVersion: ${group}/v1\nkind: CronTab\nmetadata: { name: a }\nspec: ${spec}\n`;
      await apply(crontab("{ cronSpec: '* * * * *', replicas: 2 }"));
      expect(await kubectl("get", "all", "-n", ns)).toMatch(/crontab\.\S+\/a +\* \* \* \* \*/);
      expect(
        await kubectl("get", "ctb", "-n", ns, "--field-selector=spec.image=busybox:1.36", "-o", "name"),
      ).toBe(`crontab.${group}/a\n`);
      expect(await kubectl("explain", "crontabs.spec", `--api-version=${group}/v1`)).toMatch(
        /cronSpec\s+<string> -required-\s+when it runs/,
      );
      await kubectl("scale", "crontab/a", "-n", ns, "--replicas=3");
      expect((await tryKubectl("scale", "crontab/a", "-n", ns, "--replicas=7")).stderr).toContain(
        "seven brings bad luck",
      );
      const replicas = ["get", "crontab/a", "-n", ns, "-o", "jsonpath={.spec.replicas}"] as const;
      expect(await kubectl(...replicas)).toBe("3");

      expect(await refusal(crontab("{ cronSpec: x }"), "apply")).toContain(
        'spec.cronSpec: Invalid value: "x": spec.cronSpec in body should match',
      );
      expect(await refusal(crontab("{ cronSpec: '*', typo: 1 }"), "apply")).toContain(
        'strict decoding error: unknown field "spec.typo"',
      );
      const embedded = "{ apiVersion: v1, kind: Pod, metadata: { name: a, typo: b } }";
      expect(await refusal(crontab(`{ cronSpec: '*', template: ${embedded} }`), "replace")).toContain(
        'unknown field "spec.template.metadata.typo"',
      );
    } finally {
      await kubectl("delete", "crd", name, "--ignore-not-found");
    }
    const gone = await tryKubectl("get", `--raw=/apis/${group}/v1/crontabs`);
    expect(gone.stderr).toContain("the server could not find the requested resource");
  });

  test("are converted between versions by a webhook, also when the stored version changes", async () => {
    const group = `conversion.${ns}.example.com`;
    const versions = (stored: string): string =>
      [
        ["v1", "{ hostPort: { type: string } }"],
        ["v2", "{ host: { type: string }, port: { type: string } }"],
      ]
        .map(
          ([version, properties]) =>
            `{ name: ${version}, served: true, storage: ${version === stored}, schema: { openAPIV3Schema: { type: object, properties: ${properties} } } }`,
        )
        .join(", ");
    const definition = (stored: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: hosts.${group} }
spec:
  group: ${group}
  scope: Namespaced
  names: { plural: hosts, singular: host, kind: Host }
  conversion:
    strategy: Webhook
    webhook: { conversionReviewVersions: [v1], clientConfig: ${client("/convert")} }
  versions: [${versions(stored)}]
`;
    await apply(definition("v1"));
    try {
      await kubectl("wait", "--for=condition=Established", `crd/hosts.${group}`, "--timeout=30s");
      await apply(`{ apiVersion: ${group}/v1, kind: Host, metadata: { name: a }, hostPort: "a:80" }`);
      await apply(`{ apiVersion: ${group}/v2, kind: Host, metadata: { name: b }, host: b, port: "90" }`);
      const list = (version: string, fields: string): Promise<string> =>
        kubectl("get", `hosts.${version}.${group}`, "-n", ns, "-o", `jsonpath={.items[*]['${fields}']}`);
      expect(await list("v1", "hostPort")).toBe("a:80 b:90");
      expect(await list("v2", "host','port")).toBe("a b 80 90");
      await apply(definition("v2"));
      await kubectl("patch", `hosts.v2.${group}`, "a", "-n", ns, "--type=merge", "-p", '{"port":"81"}');
      expect(await list("v1", "hostPort")).toBe("a:81 b:90");
      expect(await kubectl("get", "crd", `hosts.${group}`, "-o", "jsonpath={.status.storedVersions}")).toBe(
        '["v1","v2"]',
      );
    } finally {
      await kubectl("delete", "crd", `hosts.${group}`, "--ignore-not-found");
    }
  });
});

test("a validating policy is checked against its kinds, and refuses what its expressions are false for", async () => {
  await apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: ${ns} }
spec:
  matchConstraints:
    resourceRules: [{ apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments] }]
  variables: [{ name: count, expression: object.spec.replicas }]
  validations:
    - { expression: variables.count <= 5, messageExpression: "'too many: ' + string(variables.count)" }
    - { expression: "!has(object.spec.strategy) || object.spec.strateggy.type == 'x'" }
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: ${ns} }
spec: { policyName: ${ns}, validationActions: [Deny], matchResources: { namespaceSelector: ${only()} } }
`);
  try {
    const warnings = await eventually("the policy is checked", async () => {
      const path = "jsonpath={.status.typeChecking.expressionWarnings}";
      return (await kubectl("get", "validatingadmissionpolicy", ns, "-o", path)) || undefined;
    });
    expect(JSON.parse(warnings)).toEqual([
      {
        fieldRef: "spec.validations[1].expression",
        warning: expect.stringContaining(
          "apps/v1, Kind=Deployment: ERROR: <input>:1:42: undefined field 'strateggy'",
        ) as string,
      },
    ]);
    const create = ["create", "deployment", "many", "-n", ns, "--image=none", "--replicas=6"];
    const refused = await eventually("the binding is in force", async () => {
      const { code, stderr } = await tryKubectl(...create, "--dry-run=server");
      return code === 0 ? undefined : stderr;
    });
    expect(refused).toContain(
      `deployments.apps "many" is forbidden: ValidatingAdmissionPolicy '${ns}' with binding '${ns}' denied request: too many: 6`,
    );
  } finally {
    await kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", ns);
  }
});

test("an aggregated API is discovered and answered by its own server, which is told who asks", async () => {
  const service = "v1.fleet.example.com";
  await apply(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: { name: ${service} }
spec:
  group: fleet.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 10
  caBundle: ${caBundle}
  service: { name: extension, namespace: ${ns} }
`);
  try {
    await kubectl("wait", "--for=condition=Available", `apiservice/${service}`, "--timeout=30s");
    expect(await kubectl("api-resources", "--api-group=fleet.example.com")).toMatch(/boats +bt +/);
    expect(await kubectl("explain", "boats")).toMatch(/what floats\s+FIELDS:\s+sails\t<integer>/);
    const user = "jsonpath={.metadata.annotations.user}";
    const as = ["--as=someone", "--as-group=system:masters"];
    expect(await kubectl("get", "bt", "coracle", ...as, "-o", user)).toBe("someone");
    expect((await tryKubectl("get", "bt", "coracle", "--as=someone")).stderr).toContain(
      'boats.fleet.example.com "coracle" is forbidden: User "someone" cannot get resource "boats"',
    );
  } finally {
    await kubectl("delete", "apiservice", service);
  }
});
