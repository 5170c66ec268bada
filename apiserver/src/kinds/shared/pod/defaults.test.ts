import { describe, expect, test } from "vitest";
import type { Pod, PodSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { pods } from "../../pods/kind.ts";
import { created } from "../../kind.test-support.ts";
import { pullPolicyFor } from "./image.ts";
import { setPodTemplateDefaults } from "./defaults.ts";
import { qosClass } from "./resources.ts";

const podOf = (spec: unknown): Pod => created(pods, { spec });

test("a minimal pod is completed as upstream completes it", () => {
  const pod = podOf({
    containers: [
      {
        name: "app",
        image: "nginx:1.27",
        ports: [{ containerPort: 80 }],
        env: [{ name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
        livenessProbe: { httpGet: { port: 80 } },
        readinessProbe: { grpc: { port: 9000 } },
        lifecycle: { preStop: { httpGet: { port: 80, path: "/bye" } } },
      },
    ],
  });
  const probe = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  expect(pod.spec).toEqual({
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    securityContext: {},
    enableServiceLinks: true,
    containers: [
      {
        name: "app",
        image: "nginx:1.27",
        imagePullPolicy: "IfNotPresent",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
        resources: {},
        ports: [{ containerPort: 80, protocol: "TCP" }],
        env: [{ name: "IP", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } }],
        livenessProbe: { httpGet: { port: 80, path: "/", scheme: "HTTP" }, ...probe },
        readinessProbe: { grpc: { port: 9000, service: "" }, ...probe },
        lifecycle: { preStop: { httpGet: { port: 80, path: "/bye", scheme: "HTTP" } } },
      },
    ],
  });
  expect(pod.status).toEqual({ phase: "Pending", qosClass: "BestEffort" });
});

test("volumes get their modes and a source", () => {
  const { spec } = podOf({
    containers: [{ name: "a", image: "a" }],
    volumes: [
      { name: "none" },
      { name: "secret", secret: { secretName: "s" } },
      { name: "map", configMap: { name: "m", defaultMode: 0o400 } },
      { name: "down", downwardAPI: { items: [{ path: "l", fieldRef: { fieldPath: "metadata.labels" } }] } },
      { name: "token", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
      { name: "host", hostPath: { path: "/x" } },
      { name: "claim", ephemeral: { volumeClaimTemplate: { spec: {} } } },
    ],
  });
  expect(spec?.volumes).toEqual([
    { name: "none", emptyDir: {} },
    { name: "secret", secret: { secretName: "s", defaultMode: 420 } },
    { name: "map", configMap: { name: "m", defaultMode: 256 } },
    {
      name: "down",
      downwardAPI: {
        defaultMode: 420,
        items: [{ path: "l", fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels" } }],
      },
    },
    {
      name: "token",
      projected: {
        defaultMode: 420,
        sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 3600 } }],
      },
    },
    { name: "host", hostPath: { path: "/x", type: "" } },
    {
      name: "claim",
      ephemeral: { volumeClaimTemplate: { spec: { volumeMode: "Filesystem", resources: {} } } },
    },
  ]);
});

test("limits become requests in pods, not in templates", () => {
  const container = { name: "a", image: "a", resources: { limits: { cpu: "0.1", memory: "1024Mi" } } };
  expect(podOf({ containers: [container] }).spec?.containers[0]?.resources).toEqual({
    limits: { cpu: "100m", memory: "1Gi" },
    requests: { cpu: "100m", memory: "1Gi" },
  });
  const template = { spec: { containers: [structuredClone(container)] } };
  setPodTemplateDefaults(template);
  expect(template.spec.containers[0]?.resources).not.toHaveProperty("requests");
  expect(template.spec).not.toHaveProperty("enableServiceLinks");
});

test("host network ports, the old service account field, gates and pod-level requests", () => {
  const pod = podOf({
    hostNetwork: true,
    serviceAccount: "robot",
    schedulingGates: [{ name: "wait" }],
    resources: { limits: { cpu: "2" } },
    containers: [
      { name: "a", image: "a", ports: [{ containerPort: 80 }], resources: { requests: { cpu: "500m" } } },
      { name: "b", image: "b", resources: { requests: { cpu: "250m" } } },
    ],
  });
  expect(pod.spec).toMatchObject({
    serviceAccountName: "robot",
    serviceAccount: "robot",
    containers: [{ ports: [{ containerPort: 80, hostPort: 80 }] }, {}],
    resources: { limits: { cpu: "2" }, requests: { cpu: "750m" } },
  });
  expect(pod.status?.conditions).toMatchObject([
    { type: "PodScheduled", status: "False", reason: "SchedulingGated" },
  ]);
});

test.each([
  ["nginx", "Always"],
  ["nginx:latest", "Always"],
  ["nginx:1", "IfNotPresent"],
  ["registry:5000/nginx", "Always"],
  ["registry:5000/nginx:1", "IfNotPresent"],
  ["nginx@sha256:0000", "IfNotPresent"],
  ["", "IfNotPresent"],
])("image %j is pulled %s", (image, policy) => {
  expect(pullPolicyFor(image)).toBe(policy);
});

describe("quality of service", () => {
  const of = (...resources: object[]): PodSpec => ({
    containers: resources.map((r, i) => ({ name: `c${i}`, image: "a", resources: r })),
  });
  const full = { cpu: "1", memory: "1Gi" };
  test.each([
    ["BestEffort", of({}, {})],
    ["BestEffort", of({ requests: { cpu: "0" } })],
    ["Burstable", of({ requests: { cpu: "1m" } })],
    ["Burstable", of({ limits: full, requests: full }, {})],
    ["Burstable", of({ limits: full, requests: { ...full, cpu: "500m" } })],
    ["Guaranteed", of({ limits: full, requests: { cpu: "1000m", memory: "1024Mi" } })],
    ["Guaranteed", of({ limits: full })],
    ["Guaranteed", { ...of({}), resources: { limits: full, requests: full } }],
  ])("%s", (expected, spec) => {
    expect(qosClass(spec)).toBe(expected);
  });
});
