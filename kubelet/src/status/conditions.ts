/** The pod conditions a kubelet owns. */
import type { ContainerStatus, PodCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { isSidecar } from "@coracle/shared/meta/pods.ts";
import { formatTime } from "@coracle/shared/meta/time.ts";
import type { StatusInput } from "./pod-status.ts";

interface Derived {
  readonly phase: string;
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
}
interface Verdict {
  readonly status: boolean;
  readonly reason?: string;
  readonly message?: string;
}

const TRUE: Verdict = { status: true };
const no = (reason: string, message?: string): Verdict => ({
  status: false,
  reason,
  ...(message ? { message } : {}),
});

function initialized(input: StatusInput, { phase, init, main }: Derived): Verdict {
  if (phase === "Succeeded") return { status: true, reason: "PodCompleted" };
  if (main.some((s) => s.state?.running ?? s.state?.terminated ?? s.lastState?.terminated)) return TRUE;
  const incomplete = (input.pod.spec?.initContainers ?? []).flatMap((spec) => {
    const status = init.find((s) => s.name === spec.name);
    const done = isSidecar(spec) ? status?.started : status?.ready;
    return done ? [] : [spec.name];
  });
  return incomplete.length === 0
    ? TRUE
    : no("ContainersNotInitialized", `containers with incomplete status: [${incomplete.join(" ")}]`);
}

function containersReady(input: StatusInput, { phase, init, main }: Derived): Verdict {
  if (phase === "Succeeded") return no("PodCompleted");
  if (phase === "Failed") return no("PodFailed");
  const sidecars = new Set((input.pod.spec?.initContainers ?? []).filter(isSidecar).map((c) => c.name));
  const unready = [...init.filter((s) => sidecars.has(s.name)), ...main].filter((s) => !s.ready);
  return unready.length === 0
    ? TRUE
    : no("ContainersNotReady", `containers with unready status: [${unready.map((s) => s.name).join(" ")}]`);
}

function ready(input: StatusInput, containers: Verdict): Verdict {
  if (!containers.status) return containers;
  const missing = (input.pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = input.pod.status?.conditions?.find((c) => c.type === conditionType);
    if (!found) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return found.status === "True"
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  return missing.length === 0 ? TRUE : no("ReadinessGatesNotReady", missing.join(", "));
}

/** All conditions; the time of the last transition stays where the status did. */
export function conditionsOf(input: StatusInput, derived: Derived): PodCondition[] {
  const all = containersReady(input, derived);
  const verdicts: readonly (readonly [string, Verdict])[] = [
    ["PodReadyToStartContainers", { status: input.sandboxReady }],
    ["Initialized", initialized(input, derived)],
    ["Ready", ready(input, all)],
    ["ContainersReady", all],
    ["PodScheduled", TRUE],
  ];
  const before = new Map(input.previous?.conditions?.map((c) => [c.type, c]));
  const generation = input.pod.metadata.generation;
  const made = verdicts.map(([type, { status, reason, message }]): PodCondition => {
    const old = before.get(type);
    const text = status ? "True" : "False";
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status: text,
      lastTransitionTime:
        old?.status === text && old.lastTransitionTime ? old.lastTransitionTime : formatTime(input.now),
      ...(reason ? { reason } : {}),
      ...(message ? { message } : {}),
    };
  });
  return [...(input.extra ?? []), ...made];
}
