import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { issuerOf, openidConfiguration } from "../identity/discovery.ts";
import { loadTokenKeys, type TokenKeys } from "../identity/keys.ts";
import { createLookup } from "../identity/lookup.ts";
import { createTokenIssuer, type TokenIssuer } from "../identity/tokens.ts";
import type { ApiRequest, RequestInfo, UserInfo } from "../request.ts";
import { createTestCluster, type TestCluster } from "../watch/test-cache.ts";
import { createAuthenticate, verifyToken, type AuthenticationParts } from "./authenticate.ts";
import { bootstrapTokenSecret, createBootstrapTokens } from "./bootstrap-token.ts";
import { userFromCertificate } from "./certificate.ts";
import { impersonate } from "./impersonate.ts";
import { createServiceAccountTokens } from "./service-account-token.ts";

const issuer = issuerOf("cluster.local");
let cluster: TestCluster;
let keys: TokenKeys;
let parts: AuthenticationParts;
let issue: TokenIssuer;
let clock: number;

const pems = () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    private: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    public: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
};
beforeEach(async () => {
  cluster = await createTestCluster();
  const pair = pems();
  keys = await loadTokenKeys(pair.private, pair.public);
  clock = Date.now();
  const lookup = createLookup(cluster.cache, cluster.store);
  const now = () => new Date(clock);
  parts = {
    serviceAccounts: createServiceAccountTokens({ keys, issuer, lookup, now }),
    bootstrap: createBootstrapTokens(lookup, now),
  };
  issue = createTokenIssuer({ keys, issuer, lookup, now });
});
afterEach(() => cluster.stop());

const request = (headers: Record<string, string>, connectionUser?: UserInfo): ApiRequest => ({
  method: "GET",
  path: "/",
  query: new URLSearchParams(),
  headers,
  body: new Uint8Array(),
  remoteAddress: "",
  signal: new AbortController().signal,
  ...(connectionUser ? { connectionUser } : {}),
});
const who = (headers: Record<string, string>): Promise<UserInfo | number> =>
  createAuthenticate(parts)(request(headers)).catch((e: { code: number }) => e.code);
const bearer = (token: string) => who({ authorization: `Bearer ${token}` });
const account = { metadata: { name: "sa", namespace: "ns", uid: "u1" } };
const podOf = (more = {}) => ({
  metadata: { name: "p", namespace: "ns", uid: "p1", ...more },
  spec: { serviceAccountName: "sa", nodeName: "n1", containers: [] },
});
const tokenFor = async (spec: object = {}): Promise<string> =>
  (await issue.request(account, { metadata: {}, spec })).status?.token ?? "";

describe("a request without credentials", () => {
  it("is anonymous, and one with credentials that are no good is refused", async () => {
    expect(await who({})).toEqual({ username: "system:anonymous", groups: ["system:unauthenticated"] });
    expect(await bearer("nonsense")).toBe(401);
    expect(await who({ authorization: "Basic YTpi" })).toBe(401);
    expect(await bearer("eyJhbGciOiJub25lIn0.e30.")).toBe(401);
  });
});

describe("a client certificate", () => {
  it("names the user and its groups", async () => {
    const certificate = { subject: { CN: "alice", O: ["dev", "ops"] }, fingerprint256: "AB:CD" } as never;
    const user = userFromCertificate(certificate);
    expect(user).toEqual({
      username: "alice",
      groups: ["dev", "ops"],
      extra: { "authentication.kubernetes.io/credential-id": ["X509SHA256=abcd"] },
    });
    expect((await createAuthenticate(parts)(request({}, user))).groups).toEqual([
      "dev",
      "ops",
      "system:authenticated",
    ]);
    expect(userFromCertificate({ subject: {} } as never)).toBeUndefined();
    expect(userFromCertificate(undefined)).toBeUndefined();
  });
});

describe("a bound ServiceAccount token", () => {
  beforeEach(async () => {
    await cluster.put("serviceaccounts", account);
    await cluster.put("nodes", { metadata: { name: "n1", uid: "nu" } });
    await cluster.put("pods", podOf());
  });
  const boundToPod = () =>
    tokenFor({ boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p", uid: "p1" } });

  it("is the account's user, with what it is bound to", async () => {
    expect(await bearer(await boundToPod())).toEqual({
      username: "system:serviceaccount:ns:sa",
      uid: "u1",
      groups: ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
      extra: {
        "authentication.kubernetes.io/credential-id": [expect.stringMatching(/^JTI=/)],
        "authentication.kubernetes.io/pod-name": ["p"],
        "authentication.kubernetes.io/pod-uid": ["p1"],
        "authentication.kubernetes.io/node-name": ["n1"],
        "authentication.kubernetes.io/node-uid": ["nu"],
      },
    });
  });

  it("works in a WebSocket's subprotocol", async () => {
    const encoded = Buffer.from(await boundToPod()).toString("base64url");
    const user = await who({
      "sec-websocket-protocol": `v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.${encoded}`,
    });
    expect(user).toMatchObject({ username: "system:serviceaccount:ns:sa" });
  });

  it("ends with its pod, its account, its time, and is not another's of the same name", async () => {
    const token = await boundToPod();
    await cluster.put("pods", podOf({ deletionTimestamp: new Date(clock - 30_000).toISOString() }));
    expect(await bearer(token)).toMatchObject({ uid: "u1" });
    clock += 31_000;
    expect(await bearer(token)).toBe(401);
    await cluster.put("pods", podOf({ uid: "other" }));
    expect(await bearer(token)).toBe(401);
    await cluster.put("pods", podOf());
    expect(await bearer(token)).toMatchObject({ uid: "u1" });
    await cluster.remove("pods", "ns", "p");
    expect(await bearer(token)).toBe(401);
    const plain = await tokenFor();
    await cluster.put("serviceaccounts", { metadata: { ...account.metadata, uid: "u2" } });
    expect(await bearer(plain)).toBe(401);
    await cluster.put("serviceaccounts", account);
    expect(await bearer(plain)).toMatchObject({ uid: "u1" });
    clock += 3601_000;
    expect(await bearer(plain)).toBe(401);
  });

  it("is good for its audiences alone", async () => {
    const token = await tokenFor({ audiences: ["vault", "db"] });
    expect(await bearer(token)).toBe(401);
    expect(await verifyToken(parts, token, ["db", "x"])).toMatchObject({ audiences: ["db"] });
    expect(await verifyToken(parts, token, ["x"])).toBeUndefined();
  });

  it("is refused when another key signed it, and accepted when that key is listed", async () => {
    const other = pems();
    const foreign = createTokenIssuer({
      keys: await loadTokenKeys(other.private, other.public),
      issuer,
      lookup: createLookup(cluster.cache, cluster.store),
      now: () => new Date(clock),
    });
    const token = (await foreign.request(account, { metadata: {} })).status?.token ?? "";
    expect(await bearer(token)).toBe(401);
    const mine = pems();
    const both = await loadTokenKeys(mine.private, mine.public + other.public);
    const rotated = createServiceAccountTokens({
      keys: both,
      issuer,
      lookup: createLookup(cluster.cache, cluster.store),
      now: () => new Date(clock),
    });
    expect(await rotated.verify(token)).toBeDefined();
    expect(both.jwks.keys).toHaveLength(2);
    expect(openidConfiguration(issuer, both)["id_token_signing_alg_values_supported"]).toEqual(["ES256"]);
  });

  it("is issued for a year, and reported for an hour, when a pod asks in the automatic way", async () => {
    const asked = await issue.request(account, {
      metadata: {},
      spec: { expirationSeconds: 3607, boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p" } },
    });
    expect(Date.parse(asked.status?.expirationTimestamp ?? "")).toBeLessThanOrEqual(clock + 3607_000);
    clock += 3 * 3600_000;
    expect(await bearer(asked.status?.token ?? "")).toMatchObject({ uid: "u1" });
  });

  it("is refused for what cannot be bound", async () => {
    const refusal = (spec: object) =>
      tokenFor(spec).then(
        () => "issued",
        (e: Error) => e.message,
      );
    const pod = (more: object) => ({ boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p", ...more } });
    expect(await refusal({ expirationSeconds: 60 })).toContain(
      "may not specify a duration less than 10 minutes",
    );
    expect(await refusal(pod({ name: "none" }))).toBe('pods "none" not found');
    expect(await refusal(pod({ uid: "x" }))).toContain("does not match the UID in record");
    expect(await refusal({ boundObjectRef: { kind: "Deployment", apiVersion: "apps/v1", name: "d" } })).toBe(
      "cannot bind token to object of type apps/v1, Kind=Deployment",
    );
    await cluster.put("pods", { ...podOf(), spec: { serviceAccountName: "other" } });
    expect(await refusal(pod({}))).toContain("pod running with different serviceaccount name");
  });
});

describe("a token kept in a Secret", () => {
  it("is good as long as its Secret holds it and its account is there", async () => {
    await cluster.put("serviceaccounts", account);
    const name = "kubernetes.io/serviceaccount";
    const token = await new SignJWT({
      [`${name}/namespace`]: "ns",
      [`${name}/secret.name`]: "sa-token",
      [`${name}/service-account.name`]: "sa",
      [`${name}/service-account.uid`]: "u1",
    })
      .setProtectedHeader({ alg: "ES256" })
      .setIssuer("kubernetes/serviceaccount")
      .setSubject("system:serviceaccount:ns:sa")
      .sign(keys.signing.key);
    expect(await bearer(token)).toBe(401);
    const secret = (text: string, labels = {}) => ({
      metadata: { name: "sa-token", namespace: "ns", labels },
      data: { token: Buffer.from(text).toString("base64") },
    });
    await cluster.put("secrets", secret(token));
    expect(await bearer(token)).toMatchObject({ username: "system:serviceaccount:ns:sa", uid: "u1" });
    await cluster.put("secrets", secret("another"));
    expect(await bearer(token)).toBe(401);
    const invalid = { "kubernetes.io/legacy-token-invalid-since": "2026-01-01" };
    await cluster.put("secrets", secret(token, invalid));
    expect(await bearer(token)).toBe(401);
    await cluster.put("secrets", secret(token));
    await cluster.remove("serviceaccounts", "ns", "sa");
    expect(await bearer(token)).toBe(401);
  });
});

describe("a bootstrap token", () => {
  const token = "abcdef.0123456789abcdef";
  it("is a bootstrapper while its Secret says so", async () => {
    expect(await bearer(token)).toBe(401);
    const secret = bootstrapTokenSecret(`${token}\n`);
    await cluster.put("secrets", secret);
    expect(await bearer(token)).toEqual({
      username: "system:bootstrap:abcdef",
      groups: [
        "system:bootstrappers",
        "system:bootstrappers:kubeadm:default-node-token",
        "system:authenticated",
      ],
    });
    expect(await bearer("abcdef.0123456789abcdeg")).toBe(401);
    const put = (key: string, value: string) =>
      cluster.put("secrets", {
        ...secret,
        data: { ...secret.data, [key]: Buffer.from(value).toString("base64") },
      });
    await put("expiration", new Date(clock - 1000).toISOString());
    expect(await bearer(token)).toBe(401);
    await put("expiration", "soon");
    expect(await bearer(token)).toBe(401);
    await put("usage-bootstrap-authentication", "false");
    expect(await bearer(token)).toBe(401);
  });
});

const pods = (verb: string): RequestInfo => ({
  isResource: true,
  verb,
  path: "",
  group: "",
  version: "v1",
  resource: "pods",
  subresource: "",
  namespace: "ns",
  name: "",
});

describe("impersonation", () => {
  const asked: string[] = [];
  const as = (headers: Record<string, string>, allowed = true): UserInfo =>
    impersonate(
      headers,
      { username: "me", groups: [] },
      (_, i) => {
        if (i.verb !== "impersonate") return { allowed: false, reason: "" };
        asked.push([i.group, i.resource, i.subresource, i.namespace, i.name].join("/"));
        return { allowed, reason: "" };
      },
      pods("list"),
    );
  beforeEach(() => asked.splice(0));

  it("asks leave for every part of the other user", () => {
    expect(
      as({
        "impersonate-user": "jane",
        "impersonate-group": "a\nCN=b,OU=c",
        "impersonate-uid": "7",
        "impersonate-extra-acme.com%2Fproject": "x",
      }),
    ).toEqual({
      username: "jane",
      groups: ["a", "CN=b,OU=c", "system:authenticated"],
      uid: "7",
      extra: { "acme.com/project": ["x"] },
    });
    expect(asked).toEqual([
      "/users///jane",
      "/groups///a",
      "/groups///CN=b,OU=c",
      "authentication.k8s.io/uids///7",
      "authentication.k8s.io/userextras/acme.com/project//x",
    ]);
  });

  it("knows ServiceAccounts and the anonymous", () => {
    expect(as({ "impersonate-user": "system:serviceaccount:ns:sa" }).groups).toEqual([
      "system:serviceaccounts",
      "system:serviceaccounts:ns",
      "system:authenticated",
    ]);
    expect(asked).toEqual(["/serviceaccounts//ns/sa"]);
    expect(as({ "impersonate-user": "system:anonymous" }).groups).toEqual(["system:unauthenticated"]);
    expect(as({})).toEqual({ username: "me", groups: [] });
  });

  it("is refused without leave, or without a user", () => {
    expect(() => as({ "impersonate-user": "jane" }, false)).toThrow(
      'users "jane" is forbidden: User "me" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    expect(() => as({ "impersonate-group": "a" })).toThrow("without impersonating a user");
  });
});

describe("impersonation for certain requests", () => {
  const agent: UserInfo = {
    username: "system:serviceaccount:ns:agent",
    groups: [],
    extra: { "authentication.kubernetes.io/node-name": ["n1"] },
  };
  /** Permissions as `verb group/resource/subresource/namespace/name`. */
  const as = (headers: Record<string, string>, verb: string, ...permissions: string[]): UserInfo =>
    impersonate(
      headers,
      agent,
      (_, i) => ({
        allowed: permissions.includes(
          `${i.verb} ${[i.group, i.resource, i.subresource, i.namespace, i.name].join("/")}`,
        ),
        reason: "",
      }),
      pods(verb),
    );
  const authentication = "authentication.k8s.io";

  it("needs leave to be the user, and for the request", () => {
    const jane = { "impersonate-user": "jane", "impersonate-group": "dev" };
    const who = [
      `impersonate:user-info ${authentication}/users///jane`,
      `impersonate:user-info ${authentication}/groups///dev`,
    ];
    const list = "impersonate-on:user-info:list /pods//ns/";
    expect(as(jane, "list", ...who, list)).toEqual({
      username: "jane",
      groups: ["dev", "system:authenticated"],
    });
    expect(() => as(jane, "delete", ...who, list)).toThrow("cannot impersonate");
    expect(() => as(jane, "list", ...who.slice(1), list)).toThrow("cannot impersonate");
    expect(() => as(jane, "list", ...who)).toThrow("cannot impersonate");
  });

  it("knows ServiceAccounts by their namespaces", () => {
    const robot = { "impersonate-user": "system:serviceaccount:ci:robot" };
    const permissions = [
      `impersonate:serviceaccount ${authentication}/serviceaccounts//ci/robot`,
      "impersonate-on:serviceaccount:get /pods//ns/",
    ];
    expect(as(robot, "get", ...permissions).groups).toContain("system:serviceaccounts:ci");
    // With more than its name it is no ServiceAccount.
    expect(() => as({ ...robot, "impersonate-group": "x" }, "get", ...permissions)).toThrow(
      "cannot impersonate",
    );
  });

  it("lets an agent be the node it runs on, and only that", () => {
    const node = (name: string) => ({ "impersonate-user": `system:node:${name}` });
    const own = [
      `impersonate:associated-node ${authentication}/nodes///*`,
      "impersonate-on:associated-node:list /pods//ns/",
    ];
    expect(as(node("n1"), "list", ...own).groups).toEqual(["system:nodes", "system:authenticated"]);
    expect(() => as(node("n2"), "list", ...own)).toThrow("cannot impersonate");
    const any = [
      `impersonate:arbitrary-node ${authentication}/nodes///n2`,
      "impersonate-on:arbitrary-node:list /pods//ns/",
    ];
    expect(as(node("n2"), "list", ...any).username).toBe("system:node:n2");
  });
});
