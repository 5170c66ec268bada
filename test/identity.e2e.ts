import type { TokenRequest } from "@coracle/shared/api/generated/authentication-v1.ts";
import type { ConfigMap, Pod, Secret, ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { Raw, who } from "./support/raw.ts";
import { eventually, getJson, kubectl, kubectlWith, tryKubectl } from "./support/run.ts";

const ns = useNamespace("identity");
const api = new Raw();
const core = `/api/v1/namespaces/${ns}`;

const robot = (name: string) => `system:serviceaccount:${ns}:${name}`;
const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

async function ask(account: string, spec: object, as: Raw = api) {
  const answer = await as.ask("POST", `${core}/serviceaccounts/${account}/token`, {
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec },
  });
  const { status, message } = answer.json<TokenRequest & { message?: string }>();
  return { token: status?.token ?? "", expires: status?.expirationTimestamp, message: message ?? "" };
}

beforeAll(async () => {
  const container = (name: string) => `{ name: ${name}, image: ${busybox}, command: [sleep, "3600"] }`;
  await kubectlWith(
    `
apiVersion: v1
kind: ServiceAccount
metadata: { name: robot }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: shy }
automountServiceAccountToken: false
---
apiVersion: v1
kind: Pod
metadata: { name: holder }
spec:
  serviceAccountName: robot
  nodeName: node-1
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      command: [sleep, "3600"]
      volumeMounts: [{ name: vault, mountPath: /vault }]
  volumes:
    - name: vault
      projected: { sources: [{ serviceAccountToken: { path: token, audience: vault, expirationSeconds: 700 } }] }
---
apiVersion: v1
kind: Pod
metadata: { name: bare }
spec:
  serviceAccountName: shy
  schedulingGates: [{ name: example.com/never }]
  containers: [${container("main")}]
---
apiVersion: v1
kind: Pod
metadata: { name: asks }
spec:
  serviceAccountName: shy
  automountServiceAccountToken: true
  schedulingGates: [{ name: example.com/never }]
  containers: [${container("main")}]
`,
    "apply",
    "-n",
    ns,
    "-f",
    "-",
  );
});

test("nobody in particular sees health and version, and a bad credential is worse than none", async () => {
  const nobody = new Raw({});
  for (const path of ["/healthz", "/livez", "/readyz", "/version"])
    expect((await nobody.ask("GET", path)).status).toBe(200);
  for (const path of ["/api", "/apis", "/metrics", "/openapi/v2", "/openid/v1/jwks", "/api/v1/pods", "/x"])
    expect((await nobody.ask("GET", path)).status).toBe(403);
  const bad = await nobody.ask("GET", "/version", { headers: { authorization: "Bearer nonsense" } });
  expect(bad.json()).toMatchObject({ status: "Failure", reason: "Unauthorized", code: 401 });
  nobody.close();
});

test("a token says whose it is and for how long, and others can check it", async () => {
  const { token } = await ask("robot", { expirationSeconds: 1200 });
  const claims = claimsOf(token);
  const issuer = "https://kubernetes.default.svc.cluster.local";
  const { uid } = (await getJson<ServiceAccount>("serviceaccount", "robot", "-n", ns)).metadata;
  expect(claims).toMatchObject({
    iss: issuer,
    aud: [issuer],
    sub: robot("robot"),
    "kubernetes.io": { namespace: ns, serviceaccount: { name: "robot", uid } },
  });
  expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(1200);
  expect(await who({ token })).toMatchObject({
    username: robot("robot"),
    uid,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${ns}`, "system:authenticated"],
    extra: { "authentication.kubernetes.io/credential-id": [`JTI=${String(claims["jti"])}`] },
  });
  // What others need to check it themselves, and the API's own check, which looks at the audience.
  const raw = new Raw({ token });
  const configuration = await raw.ask("GET", "/.well-known/openid-configuration");
  expect(configuration.json()).toMatchObject({ issuer, jwks_uri: `${issuer}/openid/v1/jwks` });
  const { keys } = (await raw.ask("GET", "/openid/v1/jwks")).json<{ keys: { kid: string }[] }>();
  raw.close();
  const header = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as {
    kid: string;
  };
  expect(keys.map((key) => key.kid)).toContain(header.kid);
  const elsewhere = await ask("robot", { audiences: ["vault", "x"] });
  expect(await who({ token: elsewhere.token })).toBe(401);
  const review = async (audiences?: string[]) =>
    (
      await api.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
        body: { spec: { token: elsewhere.token, audiences } },
      })
    ).json<{ status: object }>().status;
  expect(await review()).toEqual({ user: {}, error: "[invalid bearer token]" });
  expect(await review(["x", "y"])).toMatchObject({
    authenticated: true,
    user: { username: robot("robot") },
    audiences: ["x"],
  });
  expect((await ask("robot", { expirationSeconds: 60 })).message).toContain(
    "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes",
  );
  expect((await ask("none", {})).message).toBe('serviceaccounts "none" not found');
});

test("a token ends with the pod, the Secret or the account it is bound to", async () => {
  await kubectl("create", "secret", "generic", "bond", "-n", ns);
  const bound = (kind: string, name: string, more: object = {}) =>
    ask("robot", { boundObjectRef: { kind, apiVersion: "v1", name, ...more } });
  const { metadata } = await getJson<Pod>("pod", "holder", "-n", ns);
  const pod = await bound("Pod", "holder");
  const secret = await bound("Secret", "bond");
  const node = await bound("Node", "node-1");
  expect(claimsOf(pod.token)["kubernetes.io"]).toMatchObject({
    pod: { name: "holder", uid: metadata.uid },
    node: { name: "node-1" },
  });
  for (const { token } of [pod, secret, node])
    expect(await who({ token })).toMatchObject({ username: robot("robot") });
  expect((await bound("Pod", "holder", { uid: "other" })).message).toContain(
    "does not match the UID in record",
  );
  expect((await bound("ConfigMap", "kube-root-ca.crt")).message).toContain(
    "cannot bind token to object of type",
  );
  expect(
    (await ask("shy", { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "holder" } })).message,
  ).toContain("pod running with different serviceaccount name");

  // A token that the pod asked for itself, for somebody else than the API.
  await kubectl("wait", "-n", ns, "--for=condition=Ready", "pod/holder", "--timeout=90s");
  const vault = claimsOf(await kubectl("exec", "-n", ns, "holder", "--", "cat", "/vault/token"));
  expect(vault).toMatchObject({ aud: ["vault"], sub: robot("robot") });
  expect(Number(vault["exp"]) - Number(vault["iat"])).toBe(700);

  await kubectl("delete", "-n", ns, "pod/holder", "secret/bond");
  expect(await who({ token: pod.token })).toBe(401);
  expect(await who({ token: secret.token })).toBe(401);
  await kubectl("delete", "-n", ns, "serviceaccount", "robot");
  expect(await who({ token: node.token })).toBe(401);
  await kubectl("create", "-n", ns, "serviceaccount", "robot");
  // It has the name of the old one, not its identity.
  expect(await who({ token: node.token })).toBe(401);
});

test("pods have a token unless they or their account decline", async () => {
  const volumes = async (pod: string): Promise<string[]> =>
    ((await getJson<Pod>("pod", pod, "-n", ns)).spec?.volumes ?? []).map((v) => v.name.replace(/-\w+$/, ""));
  expect(await volumes("bare")).toEqual([]);
  expect(await volumes("asks")).toEqual(["kube-api-access"]);
  const missing = await tryKubectl(
    "run",
    "-n",
    ns,
    "lost",
    `--image=${busybox}`,
    '--overrides={"spec":{"serviceAccountName":"none"}}',
  );
  expect(missing.stderr).toContain(
    `error looking up service account ${ns}/none: serviceaccount "none" not found`,
  );
});

test("a token Secret asked for by annotation is filled, and goes with its account", async () => {
  const secret = (name: string, account: string) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/service-account-token",
      metadata: { name, annotations: { "kubernetes.io/service-account.name": account } },
    });
  await kubectl("create", "-n", ns, "serviceaccount", "old");
  await kubectlWith(secret("asked", "old"), "create", "-n", ns, "-f", "-");
  const data = await eventually("it is filled", async () => {
    const found = await getJson<Secret>("secret", "asked", "-n", ns);
    return found.data?.["token"] ? found.data : undefined;
  });
  const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString();
  expect(text("namespace")).toBe(ns);
  expect(text("ca.crt")).toContain("BEGIN CERTIFICATE");
  const token = text("token");
  expect(await who({ token })).toMatchObject({ username: robot("old") });
  await kubectl("delete", "-n", ns, "serviceaccount", "old");
  expect(await who({ token })).toBe(401);
  await eventually(
    "it is gone",
    async () => (await tryKubectl("get", "secret", "asked", "-n", ns)).code !== 0,
  );
});

test("what every namespace has comes back when it is taken away", async () => {
  const authority = async (): Promise<string | undefined> =>
    (await getJson<ConfigMap>("configmap", "kube-root-ca.crt", "-n", ns)).data?.["ca.crt"];
  const before = await authority();
  await kubectl("delete", "-n", ns, "configmap/kube-root-ca.crt", "serviceaccount/default");
  await eventually("the authority is back", async () => (await authority()) === before);
  await eventually(
    "the account is back",
    async () => (await tryKubectl("get", "sa", "default", "-n", ns)).code === 0,
  );
  await kubectl("patch", "-n", ns, "configmap", "kube-root-ca.crt", "-p", '{"data":{"ca.crt":"forged"}}');
  await eventually("the forged one is replaced", async () => (await authority()) === before);
});

test("a bootstrap token is good while its Secret says so", async () => {
  const token = "idtest.0123456789abcdef";
  const good = { "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:mine" };
  const withData = async (data: Record<string, string>) => {
    const metadata = { name: "bootstrap-token-idtest", namespace: "kube-system" };
    const stringData = { "token-id": "idtest", "token-secret": "0123456789abcdef", ...data };
    const type = "bootstrap.kubernetes.io/token";
    await tryKubectl("delete", "secret", metadata.name, "-n", metadata.namespace);
    await kubectlWith(
      JSON.stringify({ apiVersion: "v1", kind: "Secret", type, metadata, stringData }),
      "create",
      "-f",
      "-",
    );
    return who({ token });
  };
  expect(await withData(good)).toMatchObject({
    username: "system:bootstrap:idtest",
    groups: ["system:bootstrappers", "system:bootstrappers:mine", "system:authenticated"],
  });
  expect(await withData({ ...good, "auth-extra-groups": "system:masters" })).toBe(401);
  expect(await withData({ ...good, "usage-bootstrap-authentication": "false" })).toBe(401);
  expect(await withData({ ...good, expiration: "2020-01-01T00:00:00Z" })).toBe(401);
  await eventually("the expired one is deleted", async () => {
    const out = await tryKubectl("get", "secret", "bootstrap-token-idtest", "-n", "kube-system");
    return out.stderr.includes("NotFound");
  });
});
