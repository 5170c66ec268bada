import { expect, test } from "vitest";
import { daemonSets, deployments, nodes, podDisruptionBudgets, pods } from "@coracle/shared/api/resources.ts";
import { NAMESPACE, startHarness } from "../../testing/harness.ts";
import { daemonSetController } from "../daemonset/daemonset.ts";
import { deploymentController } from "../deployment/deployment.ts";
import { replicaSetController } from "../replicaset.ts";
import { disruptionController } from "./disruption.ts";

const labels = { app: "web" };

test("a budget counts its pods and says how many may go, whatever owns them", async () => {
  await using h = await startHarness({
    controllers: [deploymentController(), replicaSetController(), disruptionController()],
    kubelet: true,
  });
  const at = (name: string) => ({ name, namespace: NAMESPACE });
  const selector = { matchLabels: labels };
  await h.client.create(podDisruptionBudgets, {
    metadata: at("share"),
    spec: { maxUnavailable: "25%", selector },
  });
  await h.client.create(podDisruptionBudgets, { metadata: at("least"), spec: { minAvailable: 3, selector } });
  await h.client.create(deployments, {
    metadata: at("web"),
    spec: {
      replicas: 4,
      selector,
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } },
    },
  });
  const share = await h.eventually("four healthy", async () => {
    const budget = await h.client.get(podDisruptionBudgets, at("share"));
    return budget.status?.currentHealthy === 4 && budget.status.expectedPods === 4 && budget;
  });
  expect(share.status).toMatchObject({ desiredHealthy: 3, disruptionsAllowed: 1 });
  expect(share.status?.conditions?.[0]).toMatchObject({
    type: "DisruptionAllowed",
    status: "True",
    reason: "SufficientPods",
  });
  const least = await h.eventually("counted", async () => {
    const budget = await h.client.get(podDisruptionBudgets, at("least"));
    return budget.status?.currentHealthy === 4 && budget;
  });
  expect(least.status?.disruptionsAllowed).toBe(1);
  await h.client.patch(deployments, at("web"), { type: "merge", body: { spec: { replicas: 8 } } });
  await h.eventually("the scale is followed", async () => {
    const { status } = await h.client.get(podDisruptionBudgets, at("share"));
    return status?.expectedPods === 8 && status.currentHealthy === 8 && status.disruptionsAllowed === 2;
  });
});

test("a plain number of available pods needs no controller; shares need one with a scale", async () => {
  await using h = await startHarness({
    controllers: [daemonSetController(), disruptionController()],
    kubelet: true,
  });
  const at = (name: string) => ({ name, namespace: NAMESPACE });
  const selector = { matchLabels: labels };
  for (const name of ["n1", "n2"]) await h.client.create(nodes, { metadata: { name } });
  await h.client.create(daemonSets, {
    metadata: at("agent"),
    spec: {
      selector,
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "agent" }] } },
    },
  });
  await h.client.create(podDisruptionBudgets, { metadata: at("least"), spec: { minAvailable: 1, selector } });
  await h.client.create(podDisruptionBudgets, {
    metadata: at("share"),
    spec: { maxUnavailable: 1, selector },
  });
  await h.eventually("one of two may go", async () => {
    const { status } = await h.client.get(podDisruptionBudgets, at("least"));
    return status?.currentHealthy === 2 && status.disruptionsAllowed === 1;
  });
  const share = await h.eventually("it says why not", async () => {
    const { status } = await h.client.get(podDisruptionBudgets, at("share"));
    return status?.conditions?.[0]?.reason === "SyncFailed" && status;
  });
  expect(share.conditions?.[0]?.message).toBe("daemonsets.apps does not implement the scale subresource");
});

test("a share of pods that nobody controls is told of: they are not counted", async () => {
  await using h = await startHarness({ controllers: [disruptionController()] });
  const at = (name: string) => ({ name, namespace: NAMESPACE });
  const spec = { containers: [{ name: "c", image: "nginx" }] };
  await h.client.create(pods, { metadata: { ...at("alone"), labels }, spec });
  const selector = { matchLabels: labels };
  await h.client.create(podDisruptionBudgets, {
    metadata: at("share"),
    spec: { maxUnavailable: 1, selector },
  });
  await h.eventually("an event", async () => h.events.some((e) => e.startsWith("UnmanagedPods ")));
});
