import fc from "fast-check";
import { expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { deployments, horizontalPodAutoscalers } from "@coracle/shared/api/resources.ts";
import { NAMESPACE, startHarness } from "../../testing/harness.ts";
import { calculate } from "./calculate.ts";
import { horizontalPodAutoscalerController } from "./horizontalpodautoscaler.ts";
import { emptyHistory, firstHistory, limit, remember, type History } from "./behavior.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
const old = "2026-11-23T11:00:00Z";
const pod = (name: string, extra: object = {}): Pod => ({
  metadata: { name },
  status: {
    phase: "Running",
    startTime: old,
    conditions: [{ type: "Ready", status: "True", lastTransitionTime: old }],
    ...extra,
  },
});
const tolerance = { up: 0.1, down: 0.1 };
const measured = (usages: readonly number[], pods?: readonly Pod[]) => ({
  usage: new Map(usages.map((u, i) => [`p${i}`, u])),
  pods: pods ?? usages.map((_, i) => pod(`p${i}`)),
  request: () => 1000,
  isCpu: true,
  now,
});

test("the size follows the ratio of usage to target", () => {
  expect(calculate(measured([800, 800, 800]), 3, 40, tolerance).replicas).toBe(6);
  expect(calculate(measured([100, 100, 100]), 3, 50, tolerance).replicas).toBe(1);
  expect(calculate(measured([500, 500]), 2, 50, tolerance)).toEqual({
    replicas: 2,
    utilization: 50,
    average: 500,
  });
});

test("within the tolerance nothing changes", () => {
  expect(calculate(measured([540, 540]), 2, 50, tolerance).replicas).toBe(2);
  expect(calculate(measured([560, 560]), 2, 50, tolerance).replicas).toBe(3);
});

test("pods without figures dampen a change and never turn it round", () => {
  const pods = [pod("p0"), pod("p1"), pod("p2")];
  expect(calculate(measured([1000, 1000], pods), 3, 50, tolerance).replicas).toBe(4);
  expect(calculate(measured([100], pods), 3, 50, tolerance).replicas).toBe(3);
});

test("pods that are still starting count as idle when it would grow", () => {
  const starting = pod("p1", {
    startTime: "2026-11-23T11:59:00Z",
    conditions: [{ type: "Ready", status: "False", lastTransitionTime: "2026-11-23T11:59:00Z" }],
  });
  expect(calculate(measured([1000, 1000], [pod("p0"), starting]), 2, 50, tolerance).replicas).toBe(2);
});

const spec = (behavior: object = {}, min = 1, max = 100) => ({
  scaleTargetRef: { kind: "Deployment", name: "web" },
  minReplicas: min,
  maxReplicas: max,
  behavior,
});

test("by default it at most doubles, or adds four, in fifteen seconds", () => {
  const at = (current: number) =>
    limit({ spec: spec(), current, desired: 100, history: emptyHistory, now }).replicas;
  expect(at(1)).toBe(5);
  expect(at(10)).toBe(20);
  const { behavior: _none, ...plain } = spec();
  const plainly = (current: number) =>
    limit({ spec: plain, current, desired: 100, history: emptyHistory, now }).replicas;
  expect([plainly(1), plainly(3)]).toEqual([4, 6]);
  expect(limit({ spec: spec({}, 1, 7), current: 6, desired: 9, history: emptyHistory, now })).toMatchObject({
    replicas: 7,
    limited: { status: "True", reason: "TooManyReplicas" },
  });
});

test("it shrinks to the highest recommendation of the last five minutes", () => {
  let history: History = emptyHistory;
  history = remember(history, now - 400_000, 20, undefined);
  history = remember(history, now - 200_000, 8, undefined);
  const result = limit({ spec: spec(), current: 10, desired: 2, history, now });
  expect(result).toMatchObject({ replicas: 8, stabilized: "down" });
});

test("an autoscaler that has just begun does not shrink its target before its window has passed", () => {
  const history = firstHistory(now, 10);
  const after = (ms: number) => limit({ spec: spec(), current: 10, desired: 2, history, now: now + ms });
  expect(after(15_000)).toMatchObject({ replicas: 10, stabilized: "down" });
  expect(after(301_000).replicas).toBe(2);
});

test("a disabled direction never changes the size", () => {
  const behavior = { scaleDown: { selectPolicy: "Disabled", stabilizationWindowSeconds: 0 } };
  expect(limit({ spec: spec(behavior), current: 10, desired: 2, history: emptyHistory, now }).replicas).toBe(
    10,
  );
});

test("the size is always between minimum and maximum, and moves towards what is desired", () => {
  const size = fc.integer({ min: 1, max: 50 });
  fc.assert(
    fc.property(size, size, size, size, (current, desired, a, b) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      fc.pre(current >= min && current <= max);
      const { replicas } = limit({ spec: spec({}, min, max), current, desired, history: emptyHistory, now });
      expect(replicas).toBeGreaterThanOrEqual(min);
      expect(replicas).toBeLessThanOrEqual(max);
      if (desired >= current) expect(replicas).toBeGreaterThanOrEqual(current);
      else expect(replicas).toBeLessThanOrEqual(current);
    }),
  );
});

test("a target above the maximum is scaled down through its scale subresource; without figures it says so", async () => {
  await using h = await startHarness({ controllers: [horizontalPodAutoscalerController()] });
  const at = { name: "web", namespace: NAMESPACE };
  const template = {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "c", image: "nginx" }] },
  };
  await h.client.create(deployments, {
    metadata: at,
    spec: { replicas: 9, selector: { matchLabels: { app: "web" } }, template },
  });
  const target = { type: "Utilization", averageUtilization: 50 };
  await h.client.create(horizontalPodAutoscalers, {
    metadata: at,
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      maxReplicas: 4,
      metrics: [{ type: "Resource", resource: { name: "cpu", target } }],
    },
  });
  await h.eventually("four", async () => (await h.client.get(deployments, at)).spec?.replicas === 4);
  expect(h.events).toContain(
    "SuccessfulRescale New size: 4; reason: Current number of replicas above Spec.MaxReplicas",
  );
  const hpa = await h.eventually("a status", async () => {
    const current = await h.client.get(horizontalPodAutoscalers, at);
    return current.status?.desiredReplicas === 4 && current;
  });
  expect(hpa.status?.conditions?.find((c) => c.type === "AbleToScale")?.reason).toBe("SucceededRescale");
});
