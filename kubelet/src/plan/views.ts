/** The containers of a pod as the plan looks at them. */
import { LABEL } from "../container/names.ts";
import { specHash } from "../container/build.ts";
import { restartKey } from "../lifecycle/start.ts";
import { containersOf, endedAt, instancesOf, sandboxOf, type PodRun, type SpecContainer } from "../pod.ts";
import type { ContainerView } from "./plan.ts";

function viewOf(run: PodRun, container: SpecContainer): ContainerView {
  const { spec } = container;
  const [newest] = instancesOf(run, spec.name);
  const health = newest && run.health.get(newest.id);
  const changed = newest?.state === "running" && newest.labels[LABEL.hash] !== specHash(spec);
  const condemned = changed
    ? { message: `Container ${spec.name} definition changed, will be restarted` }
    : health?.condemned;
  const backoff =
    newest?.state === "exited"
      ? run.ctx.restarts.get(restartKey(run, container), endedAt(run, newest))
      : undefined;
  const renewed = newest !== undefined && run.startedOver.has(newest.id);
  return {
    spec,
    newest,
    current: newest !== undefined && newest.labels[LABEL.sandbox] === sandboxOf(run)?.id && !renewed,
    renewed,
    started: health ? health.started && health.hook !== "running" : false,
    condemned,
    backoff,
  };
}

export function viewsOf(run: PodRun): {
  init: ContainerView[];
  main: ContainerView[];
  ephemeral: ContainerView[];
} {
  const all = containersOf(run.pod);
  const of = (...kinds: SpecContainer["kind"][]): ContainerView[] =>
    all.filter((c) => kinds.includes(c.kind)).map((c) => viewOf(run, c));
  return { init: of("init", "sidecar"), main: of("main"), ephemeral: of("ephemeral") };
}
