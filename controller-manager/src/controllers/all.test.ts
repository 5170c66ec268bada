import { webcrypto } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  cronJobs,
  daemonSets,
  deployments,
  horizontalPodAutoscalers,
  jobs,
  namespaces,
  nodes,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  resourceQuotas,
  services,
  statefulSets,
  storageClasses,
} from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { startHarness } from "../testing/harness.ts";
import { controllers, loops } from "./index.ts";

test(
  "all controllers together: everything comes up, then nothing is written any more, then everything goes",
  { timeout: 60_000 },
  async () => {
    const settings = {
      podCidr: "10.244.0.0/16",
      image: "coracle/coracle:dev",
      addonsDirectory: undefined,
      nodeGraceMs: 600_000,
      rootCa: "CERT",
      caKey: "KEY",
      signToken: () => Promise.resolve(webcrypto.randomUUID()),
    };
    await using h = await startHarness({
      controllers: controllers(settings),
      loops: loops(settings, {}),
      kubelet: true,
      lagMs: () => Math.random() * 3,
    });
    const namespace = "shop";
    const at = (name: string) => ({ name, namespace });
    const selector = { matchLabels: { app: "web" } };
    const template = {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "c", image: "nginx" }] },
    };
    const once = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] } };
    for (const name of ["n1", "n2"]) {
      const labels = { "kubernetes.io/hostname": name };
      await h.client.create(nodes, { metadata: { name, labels } });
      const condition = { type: "Ready", status: "True", lastHeartbeatTime: new Date().toISOString() };
      const status = { conditions: [condition] };
      await h.client.patch(nodes, { name }, { type: "merge", body: { status } }, { subresource: "status" });
    }
    await h.client.create(namespaces, { metadata: { name: namespace } });
    await h.client.create(storageClasses, { metadata: { name: "fast" }, provisioner: "coracle.io/local" });
    await h.client.create(resourceQuotas, {
      metadata: at("q"),
      spec: { hard: { pods: "50", "count/deployments.apps": "5" } },
    });
    await h.client.create(services, {
      metadata: at("web"),
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    });
    await h.client.create(deployments, { metadata: at("web"), spec: { replicas: 3, selector, template } });
    const own = (app: string) => ({
      selector: { matchLabels: { app } },
      template: { ...template, metadata: { labels: { app } } },
    });
    await h.client.create(statefulSets, {
      metadata: at("db"),
      spec: { replicas: 2, serviceName: "db", ...own("db") },
    });
    await h.client.create(daemonSets, { metadata: at("agent"), spec: own("agent") });
    await h.client.create(jobs, { metadata: at("work"), spec: { template: once } });
    await h.client.create(cronJobs, {
      metadata: at("tick"),
      spec: { schedule: "0 0 1 1 *", jobTemplate: { spec: { template: once } } },
    });
    await h.client.create(podDisruptionBudgets, {
      metadata: at("web"),
      spec: { maxUnavailable: 1, selector },
    });
    await h.client.create(persistentVolumeClaims, {
      metadata: at("data"),
      spec: {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "fast",
        resources: { requests: { storage: "1Gi" } },
      },
    });
    await h.client.create(horizontalPodAutoscalers, {
      metadata: at("web"),
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas: 5 },
    });

    await h.eventually(
      "all is up",
      async () => {
        const [d, s, a, q, c] = await Promise.all([
          h.client.get(deployments, at("web")),
          h.client.get(statefulSets, at("db")),
          h.client.get(daemonSets, at("agent")),
          h.client.get(resourceQuotas, at("q")),
          h.client.get(persistentVolumeClaims, at("data")),
        ]);
        return (
          d.status?.availableReplicas === 3 &&
          s.status?.readyReplicas === 2 &&
          a.status?.numberReady === 2 &&
          q.status?.used?.["pods"] === "8" &&
          c.status?.phase === "Bound"
        );
      },
      20_000,
    );
    await sleep(700);
    const before = h.writes.length;
    await sleep(1_500);
    expect(h.writes.slice(before)).toEqual([]);

    await h.client.delete(namespaces, { name: namespace });
    await h.eventually(
      "the namespace is gone",
      () =>
        h.client.get(namespaces, { name: namespace }).then(
          () => false,
          (error: unknown) => isNotFound(error),
        ),
      20_000,
    );
    expect((await h.list(pods)).filter((p) => p.metadata.namespace === namespace)).toEqual([]);
  },
);
