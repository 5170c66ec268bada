import { describe, expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { updateRefusals } from "../kind.test-support.ts";
import { pods } from "./kind.ts";

const app = { name: "app", image: "nginx:1" };
const spec = (over: object = {}, container: object = {}) => ({
  spec: { containers: [{ ...app, ...container }], ...over },
});

describe("a change of a pod", () => {
  const before = spec({ tolerations: [{ key: "a", operator: "Exists" }], activeDeadlineSeconds: 100 });
  const change = (to: (pod: Pod) => void, ctx = {}): string[] =>
    updateRefusals(pods, before, to as never, ctx).map((line) => line.split("\n")[0] ?? "");

  test("may be a new image, more tolerations, a shorter deadline, labels", () => {
    expect(
      change((pod) => {
        const [container] = pod.spec?.containers ?? [];
        if (container) container.image = "nginx:2";
        pod.spec?.tolerations?.push({ key: "b", operator: "Exists" });
        if (pod.spec) pod.spec.activeDeadlineSeconds = 50;
        pod.metadata.labels = { a: "b" };
      }),
    ).toEqual([]);
  });

  const forbidden =
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
  test.each<[string, (pod: Pod) => void, string[]]>([
    [
      "of a command",
      (pod) => {
        const [container] = pod.spec?.containers ?? [];
        if (container) container.command = ["sh"];
      },
      [forbidden],
    ],
    ["of the node", (pod) => pod.spec && (pod.spec.nodeName = "other"), [forbidden]],
    [
      "that adds a container",
      (pod) => pod.spec?.containers.push({ name: "b", image: "b" }),
      ["spec.containers: Forbidden: pod updates may not add or remove containers"],
    ],
    [
      "that takes a toleration away",
      (pod) => pod.spec && (pod.spec.tolerations = []),
      ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    ],
    [
      "that extends the deadline",
      (pod) => pod.spec && (pod.spec.activeDeadlineSeconds = 200),
      ["spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value"],
    ],
    [
      "that adds a gate",
      (pod) => pod.spec && (pod.spec.schedulingGates = [{ name: "g" }]),
      [
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'",
      ],
    ],
  ])("is not one %s", (_, to, expected) => {
    expect(change(to)).toEqual(expected);
  });

  test("through ephemeralcontainers keeps everything else", () => {
    const debug = (pod: Pod): void => {
      if (!pod.spec) return;
      pod.spec.nodeName = "stolen";
      pod.spec.ephemeralContainers = [{ name: "debug", image: "busybox", targetContainerName: "app" }];
    };
    expect(change(debug, { subresource: "ephemeralcontainers" })).toEqual([]);
  });

  test("through resize is of CPU and memory, within the class", () => {
    const body = spec({}, { resources: { requests: { cpu: "1" }, limits: { cpu: "2" } } });
    const resize = (requests: object, limits: object): string[] =>
      updateRefusals(
        pods,
        body,
        (pod: Pod) => {
          const [container] = pod.spec?.containers ?? [];
          if (container) container.resources = { requests, limits } as never;
        },
        { subresource: "resize" },
      );
    expect(resize({ cpu: "500m" }, { cpu: "1" })).toEqual([]);
    expect(resize({ cpu: "1" }, {})).toEqual([
      "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
    ]);
    expect(resize({ cpu: "1", memory: "1Gi" }, { cpu: "1", memory: "1Gi" })).toEqual([
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    ]);
  });

  test("of its status brings no ended container back", () => {
    const once = { spec: { containers: [app], restartPolicy: "Never" } };
    const rule = { action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } };
    const asking = { ...app, name: "asking", restartPolicy: "Never", restartPolicyRules: [rule] };
    const startedOver = { spec: { containers: [app, asking], restartPolicy: "Never" } };
    const to = (next: object, old: object, spec: Record<string, unknown> = once): string[] => {
      const status = (state: object) => ({ containerStatuses: [{ name: "app", state }] });
      return updateRefusals(
        { ...pods, prepareForCreate: (pod: Pod) => Object.assign(pod, { status: status(old) }) },
        spec,
        (pod: Pod) => Object.assign(pod, { status: status(next) }),
        { subresource: "status" },
      );
    };
    expect(to({ running: {} }, { waiting: {} })).toEqual([]);
    expect(to({ running: {} }, { terminated: { exitCode: 0 } })).toEqual([
      "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
    ]);
    expect(to({ running: {} }, { terminated: { exitCode: 0 } }, startedOver)).toEqual([]);
  });
});
