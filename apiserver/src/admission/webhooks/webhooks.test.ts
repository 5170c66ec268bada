import { connect } from "node:net";
import type { AdmissionReview } from "@coracle/shared/api/generated/admission-v1.ts";
import type { DuplexChannels, Received } from "@coracle/shared/bus/session.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { describe, expect, test } from "vitest";
import { startTlsServer } from "../../aggregation/tls-server.test-support.ts";
import { raw, rawPatch } from "../../testing/raw.ts";
import type { AdmissionPlugin } from "../plugin.ts";
import { startWithDynamicAdmission } from "../policies/in-process.test-support.ts";
import {
  configMap,
  configMaps,
  configure,
  group,
  label,
  patchOf,
  serve,
  startHook,
  webhook,
} from "./hook.test-support.ts";

describe("validating webhooks", () => {
  test("are shown the write, and refuse it in their own words", async () => {
    await using hook = await startHook((request) => ({
      allowed: request.object?.metadata.name !== "bad",
      warnings: ["mind the gap"],
      status: { message: "no bad names", code: 403, reason: "Forbidden" },
    }));
    await using api = await startWithDynamicAdmission();
    await serve(api, hook);
    await configure(api, "validating", webhook("check", hook));
    const refused = await raw(api, "POST", configMaps, { body: configMap("bad") });
    expect(refused.status).toBe(403);
    expect(refused.body.message).toBe(
      'admission webhook "check.example.com" denied the request: no bad names',
    );
    const created = await raw(api, "POST", configMaps, { body: configMap("good") });
    expect(created.status, created.text).toBe(201);
    expect(created.headers["warning"]).toContain("mind the gap");
    expect(hook.asked[0]?.path).toBe("/check?timeout=10s");
    const { request } = JSON.parse(hook.asked[1]?.body ?? "{}") as AdmissionReview;
    expect(request).toMatchObject({
      kind: { group: "", version: "v1", kind: "ConfigMap" },
      resource: { group: "", version: "v1", resource: "configmaps" },
      operation: "CREATE",
      namespace: "default",
      name: "good",
      dryRun: false,
      userInfo: { username: "system:admin" },
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
      oldObject: null,
    });
    await raw(api, "DELETE", `${configMaps}/good`);
    const deleted = JSON.parse(hook.asked[2]?.body ?? "{}") as AdmissionReview;
    expect(deleted.request).toMatchObject({
      operation: "DELETE",
      object: null,
      oldObject: { metadata: { name: "good" } },
    });
  });

  test("are asked only where selectors and conditions say so", async () => {
    await using hook = await startHook(() => ({ allowed: false }));
    await using api = await startWithDynamicAdmission();
    await serve(api, hook);
    await configure(
      api,
      "validating",
      webhook("labels", hook, { objectSelector: { matchLabels: { checked: "yes" } } }),
      webhook("spaces", hook, { namespaceSelector: { matchLabels: { no: "such" } } }),
      webhook("conditions", hook, {
        matchConditions: [{ name: "named", expression: "object.metadata.name.startsWith('x')" }],
      }),
    );
    expect((await raw(api, "POST", configMaps, { body: configMap("a") })).status).toBe(201);
    expect(hook.asked).toHaveLength(0);
    const refused = await raw(api, "POST", configMaps, { body: configMap("b", { checked: "yes" }) });
    expect(refused.body).toMatchObject({
      code: 400,
      message: 'admission webhook "labels.example.com" denied the request without explanation',
    });
    expect((await raw(api, "POST", configMaps, { body: configMap("x") })).body.message).toContain(
      "conditions.example.com",
    );
  });

  test("that cannot be reached refuse or let pass as they say", async () => {
    await using hook = await startHook(() => ({}));
    await using api = await startWithDynamicAdmission();
    await configure(api, "validating", webhook("lost", hook));
    const refused = await raw(api, "POST", configMaps, { body: configMap("a") });
    expect(refused.status).toBe(500);
    expect(refused.body.message).toBe(
      'Internal error occurred: failed calling webhook "lost.example.com": failed to call webhook: Post "https://hook.default.svc:443/lost?timeout=10s": service "hook" not found',
    );
    await rawPatch(api, "json", `${group}/validatingwebhookconfigurations/validating`, [
      { op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" },
    ]);
    expect((await raw(api, "POST", configMaps, { body: configMap("a") })).status).toBe(201);
  });

  test("must show a certificate of their Service", async () => {
    await using hook = await startTlsServer({ names: ["other.default.svc"] }, () => ({ body: {} }));
    await using api = await startWithDynamicAdmission();
    await serve(api, hook);
    await configure(api, "validating", webhook("false", hook));
    const refused = await raw(api, "POST", configMaps, { body: configMap("a") });
    expect(refused.body.message).toContain(
      "x509: certificate is valid for other.default.svc, not hook.default.svc",
    );
    expect(hook.asked).toHaveLength(0);
  });

  test("with side effects refuse dry runs", async () => {
    await using hook = await startHook(() => ({}));
    await using api = await startWithDynamicAdmission();
    await serve(api, hook);
    await configure(api, "validating", webhook("effects", hook, { sideEffects: "NoneOnDryRun" }));
    const dry = await raw(api, "POST", `${configMaps}?dryRun=All`, { body: configMap("a") });
    expect(dry.status, dry.text).toBe(201);
    expect((JSON.parse(hook.asked[0]?.body ?? "{}") as AdmissionReview).request?.dryRun).toBe(true);
  });

  test("never stand before their own configurations", async () => {
    await using hook = await startHook(() => ({ allowed: false }));
    await using api = await startWithDynamicAdmission();
    await serve(api, hook);
    const all = [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"] }];
    await configure(api, "validating", webhook("all", hook, { rules: all }));
    expect((await raw(api, "POST", configMaps, { body: configMap("a") })).status).toBe(400);
    expect((await raw(api, "DELETE", `${group}/validatingwebhookconfigurations/validating`)).status).toBe(
      200,
    );
    expect((await raw(api, "POST", configMaps, { body: configMap("a") })).status).toBe(201);
  });
});

describe("mutating webhooks", () => {
  test("change the write in the order of their names; who asked for it sees later changes", async () => {
    const seen: string[] = [];
    await using hook = await startTlsServer({ names: ["hook.default.svc"] }, ({ body, path }) => {
      const { request, apiVersion } = JSON.parse(body) as AdmissionReview;
      const labels = Object.keys((request as { object: KubeObject }).object.metadata.labels ?? {});
      const name = path.split("?")[0]?.slice(1) ?? "";
      seen.push(`${name} ${labels.join()}`);
      const response = { uid: request?.uid, allowed: true, ...(labels.includes(name) ? {} : label(name)) };
      return { body: { kind: "AdmissionReview", apiVersion, response } };
    });
    const builtIn: AdmissionPlugin = {
      name: "BuiltIn",
      handles: (a) => a.kind.plural === "configmaps",
      mutate: (a) => void seen.push(`built-in ${Object.keys(a.object?.metadata.labels ?? {}).join()}`),
    };
    await using api = await startWithDynamicAdmission({ plugins: [builtIn] });
    await serve(api, hook);
    await configure(
      api,
      "mutating",
      webhook("one", hook, { reinvocationPolicy: "IfNeeded" }),
      webhook("two", hook),
    );
    const { body, text, status } = await raw(api, "POST", configMaps, { body: configMap("a") });
    expect(status, text).toBe(201);
    expect(body.metadata.labels).toEqual({ a: "b", one: "x", two: "x" });
    expect(seen).toEqual(["built-in a", "one a", "two a,one", "built-in a,one,two", "one a,one,two"]);
  });

  test("cannot make of an object what it may not be", async () => {
    await using hook = await startHook(() => patchOf({ op: "add", path: "/data", value: { key: 1 } }));
    await using api = await startWithDynamicAdmission();
    await serve(api, hook);
    await configure(api, "mutating", webhook("wrong", hook));
    const { status, body } = await raw(api, "POST", configMaps, { body: configMap("a") });
    expect(status).toBe(500);
    expect(body.message).toContain(
      "cannot unmarshal number into Go struct field ConfigMap.data of type string",
    );
  });

  test("are reached through the node of a pod", async () => {
    await using hook = await startHook(() => label("mutated"));
    const opened: object[] = [];
    await using api = await startWithDynamicAdmission({
      openNode: (node, verb, message) => {
        opened.push({ node, verb, ...message });
        return Promise.resolve(channelsTo(hook.port));
      },
    });
    await serve(api, hook);
    await raw(api, "POST", "/api/v1/namespaces/default/pods", {
      body: {
        metadata: { name: "hook-pod" },
        spec: { nodeName: "node-2", containers: [{ name: "c", image: "i" }] },
      },
    });
    const slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/hook-1";
    const endpoints = [
      {
        addresses: ["10.244.0.9"],
        conditions: { ready: true },
        targetRef: { kind: "Pod", namespace: "default", name: "hook-pod" },
      },
    ];
    await rawPatch(api, "merge", slice, { endpoints, ports: [{ name: "", port: 8443 }] });
    await configure(api, "mutating", webhook("pod", hook));
    for (const name of ["a", "b"]) {
      const { body, text, status } = await raw(api, "POST", configMaps, { body: configMap(name) });
      expect(status, text).toBe(201);
      expect(body.metadata.labels).toHaveProperty("mutated");
    }
    // The second call goes over the connection of the first.
    expect(opened).toEqual([
      expect.objectContaining({ node: "node-2", verb: "proxy", target: "pod", pod: "hook-pod", port: 8443 }),
    ]);
  });
});

/** A session with a node, as far as a connection needs one. */
function channelsTo(port: number): DuplexChannels {
  const socket = connect(port, "127.0.0.1");
  const ended = Promise.withResolvers<undefined>();
  async function* receive(): AsyncGenerator<Received> {
    for await (const data of socket as AsyncIterable<Buffer>) yield { channel: 1, data };
    yield { channel: 1, closed: true };
  }
  return {
    send: (_channel, bytes) => new Promise((resolve) => void socket.write(bytes, () => resolve())),
    closeSend: () => void socket.end(),
    receive,
    end: () => {
      socket.destroy();
      ended.resolve(undefined);
    },
    aborted: new AbortController().signal,
    ended: ended.promise,
  };
}
