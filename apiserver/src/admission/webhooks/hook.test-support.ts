/** A webhook on this machine, as a Service of an API server in this process has it. */
import type { AdmissionReview } from "@coracle/shared/api/generated/admission-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { expect } from "vitest";
import { startTlsServer, type TlsServer } from "../../aggregation/tls-server.test-support.ts";
import type { InProcessApi } from "../../testing/in-process.ts";
import { raw } from "../../testing/raw.ts";

export const group = "/apis/admissionregistration.k8s.io/v1";
export const configMaps = "/api/v1/namespaces/default/configmaps";

export type Respond = (
  request: NonNullable<AdmissionReview["request"]> & { object: KubeObject | null },
) => object;

/** A webhook as a Service `hook` in `default` has it. */
export const startHook = (respond: Respond): Promise<TlsServer> =>
  startTlsServer({ names: ["hook.default.svc"] }, ({ body }) => {
    const review = JSON.parse(body) as AdmissionReview;
    const request = review.request as Parameters<Respond>[0];
    const response = { uid: request.uid, allowed: true, ...respond(request) };
    return { body: { kind: "AdmissionReview", apiVersion: review.apiVersion, response } };
  });

export const patchOf = (...operations: object[]): object => ({
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});
export const label = (key: string): object =>
  patchOf({ op: "add", path: `/metadata/labels/${key}`, value: "x" });

/** A Service whose endpoint is the hook on this machine. */
export async function serve(api: InProcessApi, { port }: TlsServer): Promise<void> {
  await raw(api, "POST", "/api/v1/namespaces/default/services", {
    body: {
      metadata: { name: "hook" },
      spec: { clusterIP: "None", ports: [{ port: 443, targetPort: 8443 }] },
    },
  });
  // The API lets nobody make endpoints of this machine itself.
  const key = { resource: "endpointslices.discovery.k8s.io", namespace: "default", name: "hook-1" };
  const slice = {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    metadata: { name: "hook-1", namespace: "default", labels: { "kubernetes.io/service-name": "hook" } },
    addressType: "IPv4",
    ports: [{ name: "", port }],
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
  };
  await api.registry.store.create(key, JSON.stringify(slice));
}

export const webhook = (name: string, hook: TlsServer, more: object = {}): object => ({
  name: `${name}.example.com`,
  clientConfig: {
    service: { namespace: "default", name: "hook", path: `/${name}` },
    caBundle: hook.caBundle,
  },
  rules: [
    {
      apiGroups: [""],
      apiVersions: ["v1"],
      operations: ["CREATE", "UPDATE", "DELETE"],
      resources: ["configmaps"],
    },
  ],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  ...more,
});

export async function configure(
  api: InProcessApi,
  kind: "mutating" | "validating",
  ...webhooks: object[]
): Promise<void> {
  const { status, text } = await raw(api, "POST", `${group}/${kind}webhookconfigurations`, {
    body: { metadata: { name: kind }, webhooks },
  });
  expect(status, text).toBe(201);
}

export const configMap = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, labels: { a: "b", ...labels } },
});
