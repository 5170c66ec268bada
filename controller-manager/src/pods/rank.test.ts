import { expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { choosePodsToDelete } from "./rank.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
interface Spec {
  readonly node?: string;
  readonly phase?: string;
  readonly ready?: string;
  readonly created?: string;
  readonly cost?: string;
  readonly restarts?: number;
}
const pod = (name: string, s: Spec = {}): Pod => ({
  metadata: {
    name,
    uid: name,
    creationTimestamp: s.created ?? "2026-11-23T10:00:00Z",
    ...(s.cost === undefined
      ? {}
      : { annotations: { "controller.kubernetes.io/pod-deletion-cost": s.cost } }),
  },
  spec: {
    containers: [],
    ...(s.node === undefined ? { nodeName: name } : s.node ? { nodeName: s.node } : {}),
  },
  status: {
    phase: s.phase ?? "Running",
    conditions: [
      s.ready === "no"
        ? { type: "Ready", status: "False" }
        : { type: "Ready", status: "True", lastTransitionTime: s.ready ?? "2026-11-23T10:00:00Z" },
    ],
    containerStatuses: [{ name: "c", ready: true, restartCount: s.restarts ?? 0, image: "", imageID: "" }],
  },
});
const first = (...pods: Pod[]): string | undefined =>
  choosePodsToDelete(pods, pods, 1, now)[0]?.metadata.name;

test.each([
  ["unbound before bound", pod("x", { node: "" }), pod("y")],
  ["pending before running", pod("x", { phase: "Pending" }), pod("y")],
  ["not ready before ready", pod("x", { ready: "no" }), pod("y")],
  ["the cheaper by its annotation", pod("x", { cost: "-5" }), pod("y")],
  ["the one ready for less long", pod("x", { ready: "2026-11-23T11:59:00Z" }), pod("y")],
  ["the one with more restarts", pod("x", { restarts: 3 }), pod("y")],
  ["the younger", pod("x", { created: "2026-11-23T11:59:30Z" }), pod("y")],
])("%s", (_, victim, other) => {
  expect(first(other, victim)).toBe("x");
  expect(first(victim, other)).toBe("x");
});

test("crowded nodes lose pods first", () => {
  const pods = [pod("a", { node: "n1" }), pod("b", { node: "n2" }), pod("c", { node: "n2" })];
  expect(["b", "c"]).toContain(first(...pods));
});

test("a readiness earlier rule wins over a later one", () => {
  expect(first(pod("cheap", { cost: "-100" }), pod("broken", { ready: "no" }))).toBe("broken");
});
