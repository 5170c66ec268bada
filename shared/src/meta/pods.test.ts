import { expect, it } from "vitest";
import type { Container, Pod } from "../api/generated/core-v1.ts";
import { podLimits, podQosClass, podRequests } from "./pods.ts";
import { childTraceparent, parseTraceparent } from "./trace.ts";

const container = (name: string, cpu?: string, more: Partial<Container> = {}): Container => ({
  name,
  image: "x",
  ...(cpu ? { resources: { requests: { cpu } } } : {}),
  ...more,
});
const pod = (spec: object, status: object = {}): Pod => ({ metadata: { name: "p" }, spec, status }) as Pod;

it("asks for the most that runs side by side at any time", () => {
  const sidecar = { restartPolicy: "Always" };
  expect(podRequests(pod({ containers: [container("a", "100m"), container("b", "200m")] }))).toEqual({
    cpu: 300,
  });
  // An init container that needs more than all containers together decides.
  expect(
    podRequests(pod({ containers: [container("a", "100m")], initContainers: [container("i", "1")] })),
  ).toEqual({ cpu: 1000 });
  // A sidecar counts with the containers, and with the init containers after it.
  expect(
    podRequests(
      pod({
        containers: [container("a", "100m")],
        initContainers: [
          container("before", "450m"),
          container("s", "50m", sidecar),
          container("after", "420m"),
        ],
        overhead: { cpu: "5m", memory: "1Ki" },
      }),
    ),
  ).toEqual({ cpu: 475, memory: 1024 });
});

it("lets amounts of the whole pod win, and counts a resize under way with the most", () => {
  expect(
    podRequests(pod({ containers: [container("a", "100m")], resources: { requests: { cpu: "1" } } })),
  ).toEqual({ cpu: 1000 });
  expect(
    podRequests(
      pod(
        { containers: [container("a", "100m")] },
        { containerStatuses: [{ name: "a", allocatedResources: { cpu: "300m" } }] },
      ),
    ),
  ).toEqual({ cpu: 300 });
});

it("leaves out of the limits what nothing limits", () => {
  const limited = { name: "a", image: "x", resources: { limits: { memory: "1Mi" } } };
  expect(podLimits(pod({ containers: [limited], overhead: { cpu: "1", memory: "1Ki" } }))).toEqual({
    memory: 1024 * 1025,
  });
});

it("classes pods by quality of service", () => {
  const full = { cpu: "1", memory: "1Gi" };
  const classOf = (resources: object | undefined) =>
    podQosClass(pod({ containers: [{ name: "a", image: "x", resources }] }));
  expect([
    classOf(undefined),
    classOf({ requests: { cpu: "1m" } }),
    classOf({ limits: full }),
    classOf({ limits: full, requests: full }),
    classOf({ limits: full, requests: { ...full, cpu: "1m" } }),
  ]).toEqual(["BestEffort", "Burstable", "Guaranteed", "Guaranteed", "Burstable"]);
});

it("carries a trace on with a span of its own", () => {
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const child = parseTraceparent(childTraceparent(parent));
  expect(child).toMatchObject({ traceId: "0af7651916cd43dd8448eb211c80319c", flags: "01" });
  expect(child?.spanId).not.toBe("b7ad6b7169203331");
  for (const bad of [
    "",
    "x",
    `${parent}-x`,
    parent.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
  ])
    expect(parseTraceparent(bad)).toBeUndefined();
  expect(parseTraceparent(childTraceparent("nonsense"))).toBeDefined();
});
