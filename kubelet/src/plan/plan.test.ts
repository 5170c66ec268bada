import type { Container, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LABEL } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { createBackoff, RESTART_BACKOFF } from "./backoff.ts";
import { needsSandbox, planContainers, type ContainerView } from "./plan.ts";

const instance = (state: RuntimeContainer["state"], exitCode = 0, attempt = 0): RuntimeContainer => ({
  id: `id-${attempt}`,
  name: "",
  labels: { [LABEL.attempt]: String(attempt) },
  image: "i",
  imageId: "sha256:i",
  state,
  pid: 1,
  createdAt: 0,
  startedAt: 1,
  finishedAt: state === "exited" ? 2 : undefined,
  exitCode,
  oomKilled: false,
  error: "",
  stopSignal: "SIGTERM",
  tty: false,
  stdin: false,
});
const view = (
  name: string,
  newest?: RuntimeContainer,
  extra: Partial<Omit<ContainerView, "spec">> & { spec?: Partial<Container> } = {},
): ContainerView => ({
  newest,
  current: newest !== undefined,
  started: newest?.state === "running",
  ...extra,
  spec: { name, ...extra.spec },
});
const sidecar = { spec: { restartPolicy: "Always" } };
const plan = (
  policy: string,
  init: ContainerView[],
  main: ContainerView[],
  ephemeral: ContainerView[] = [],
) => {
  const pod: Pod = {
    metadata: { name: "p", namespace: "n", uid: "u" },
    spec: { restartPolicy: policy, containers: main.map((v) => v.spec) },
  };
  const made = planContainers({ pod, init, main, ephemeral, now: 100 });
  return { ...made, start: made.start.map((c) => c.name) };
};
const up = instance("running");
const done = instance("exited");
const failed = instance("exited", 1);

describe("what a pod's containers need next", () => {
  test("init containers one after the other, then all others", () => {
    expect(plan("Always", [view("a"), view("b")], [view("m")]).start).toEqual(["a"]);
    expect(plan("Always", [view("a", up), view("b")], [view("m")]).start).toEqual([]);
    expect(plan("Always", [view("a", done), view("b")], [view("m")]).start).toEqual(["b"]);
    expect(plan("Always", [view("a", done), view("b", done)], [view("m"), view("n")]).start).toEqual([
      "m",
      "n",
    ]);
  });

  test("a sidecar must have started before the next begins, and is kept up after that", () => {
    expect(plan("Always", [view("s", undefined, sidecar)], [view("m")]).start).toEqual(["s"]);
    expect(plan("Always", [view("s", up, { ...sidecar, started: false })], [view("m")]).start).toEqual([]);
    expect(plan("Always", [view("s", up, sidecar)], [view("m")]).start).toEqual(["m"]);
    expect(plan("Never", [view("s", failed, sidecar)], [view("m", up)]).start).toEqual(["s"]);
  });

  test("init containers are not run again while the pod runs, but are in a new sandbox", () => {
    expect(plan("Always", [view("a", done)], [view("m", failed)]).start).toEqual(["m"]);
    const old = { current: false };
    expect(plan("Always", [view("a", done, old)], [view("m", failed, old)]).start).toEqual(["a"]);
  });

  test("a failed init container is retried, unless the pod is run once", () => {
    expect(plan("OnFailure", [view("a", failed)], [view("m")]).start).toEqual(["a"]);
    expect(plan("Never", [view("a", failed)], [view("m")])).toMatchObject({ start: [], over: true });
  });

  test.each([
    ["Always", done, ["m"], false],
    ["Always", failed, ["m"], false],
    ["OnFailure", done, [], true],
    ["OnFailure", failed, ["m"], false],
    ["Never", done, [], true],
    ["Never", failed, [], true],
  ])("with restartPolicy %s an ended container is restarted or not", (policy, newest, start, over) =>
    expect(plan(policy, [], [view("m", newest)])).toMatchObject({ start, over }),
  );

  test("exit code rules of a container win over the policy", () => {
    const rules = {
      spec: { restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }] },
    };
    expect(plan("Never", [], [view("m", failed, rules)]).start).toEqual(["m"]);
    expect(plan("Never", [], [view("m", instance("exited", 2), rules)]).over).toBe(true);
  });

  test("a back-off is waited for, and said", () => {
    const made = plan("Always", [], [view("m", failed, { backoff: { until: 160, ms: 80_000 } })]);
    expect(made).toMatchObject({ start: [], wakeAt: 160 });
    expect(made.waiting.get("m")).toEqual({
      reason: "CrashLoopBackOff",
      message: "back-off 1m20s restarting failed container=m pod=p_n(u)",
    });
    expect(plan("Always", [], [view("m", failed, { backoff: { until: 90, ms: 10 } })]).start).toEqual(["m"]);
  });

  test("a condemned container is killed, not started beside itself", () => {
    const condemned = { condemned: { message: "unwell", graceSeconds: 5 } };
    expect(plan("Always", [], [view("m", up, condemned)])).toMatchObject({
      start: [],
      kill: [{ id: "id-0", container: "m", message: "unwell", graceSeconds: 5 }],
    });
  });

  test("ephemeral containers are started once", () => {
    expect(plan("Always", [], [view("m", up)], [view("e")]).start).toEqual(["e"]);
    expect(plan("Always", [], [view("m", up)], [view("e", done)]).start).toEqual([]);
  });

  test("never is a running container started, whatever the state", () => {
    const states = fc.constantFrom(undefined, up, done, failed, instance("created"));
    const views = (prefix: string) =>
      fc.array(fc.tuple(states, fc.boolean(), fc.boolean()), { maxLength: 3 }).map((list) =>
        list.map(([newest, current, side], i) =>
          view(`${prefix}${i}`, newest, {
            current: current && newest !== undefined,
            ...(side ? sidecar : {}),
          }),
        ),
      );
    fc.assert(
      fc.property(
        fc.constantFrom("Always", "OnFailure", "Never"),
        views("i"),
        views("m").filter((m) => m.length > 0),
        (policy, init, main) => {
          const plain = main.map((v) => ({ ...v, spec: { name: v.spec.name } }));
          const made = plan(policy, init, plain);
          const running = [...init, ...plain].filter((v) => v.newest?.state === "running" && v.current);
          for (const v of running) expect(made.start).not.toContain(v.spec.name);
          if (made.over) expect(made.start).toEqual([]);
        },
      ),
    );
  });
});

describe("whether a pod needs a new sandbox", () => {
  const pod = (restartPolicy: string): Pod => ({ metadata: {}, spec: { restartPolicy, containers: [] } });
  test.each([
    ["Always", undefined, true],
    ["Never", undefined, true],
    ["Never", done, false],
    ["Never", up, false],
    ["OnFailure", done, false],
    ["OnFailure", failed, true],
    ["OnFailure", up, true],
    ["Always", up, true],
  ])("%s", (policy, newest, wanted) =>
    expect(needsSandbox(pod(policy), [], [view("m", newest)])).toBe(wanted),
  );
});

test("a back-off doubles to its maximum, and starts anew after a long quiet time", () => {
  const backoff = createBackoff(RESTART_BACKOFF);
  expect(backoff.get("k", 0)).toBeUndefined();
  let now = 0;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    backoff.next("k", now);
    waits.push((backoff.get("k", now)?.ms ?? 0) / 1000);
    now += 1000;
  }
  expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  now += 600_001;
  expect(backoff.get("k", now)).toBeUndefined();
  backoff.next("k", now);
  expect(backoff.get("k", now)?.ms).toBe(10_000);
  backoff.forget("k");
  expect(backoff.get("k", now)).toBeUndefined();
});
