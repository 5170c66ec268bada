/** Starting a pod over in place, as the rule of a container that ended asks for it (KEP-5532). */
import { ruleFor } from "../plan/plan.ts";
import { containersOf, instancesOf, notifyChange, runningInstances, sandboxOf, type PodRun } from "../pod.ts";
import { LABEL } from "../container/names.ts";
import { endContainer } from "./end.ts";

/** A container that ended in this sandbox, and has not been answered yet, asks for all to be started over. */
export const isStartOverAsked = (run: PodRun): boolean =>
  containersOf(run.pod).some(({ spec }) => {
    if (!spec.restartPolicyRules?.length) return false;
    const [newest] = instancesOf(run, spec.name);
    return (
      newest?.state === "exited" &&
      !run.startedOver.has(newest.id) &&
      newest.labels[LABEL.sandbox] === sandboxOf(run)?.id &&
      ruleFor(spec, newest.exitCode)?.action === "RestartAllContainers"
    );
  });

/** From the end of the container that asked until every container has an instance of the new time. */
export const isStartingOver = (run: PodRun): boolean =>
  isStartOverAsked(run) ||
  (run.startedOver.size > 0 &&
    containersOf(run.pod).some(({ spec, kind }) => {
      const [newest] = instancesOf(run, spec.name);
      return kind !== "ephemeral" && newest !== undefined && run.startedOver.has(newest.id);
    }));

/**
 * Ends what still runs, at once and without hooks, and then declares all instances to be of the past: the plan begins with the first
 * init container again. Sandbox, address and volumes stay. Resolves to whether the plan has to wait.
 */
export function startOver(run: PodRun): boolean {
  if (!isStartOverAsked(run)) return false;
  const running = runningInstances(run);
  if (running.length > 0) {
    const now = run.ctx.steady();
    run.tasks.start("start over", async () => {
      await Promise.all(
        running.map((instance) => {
          const container = containersOf(run.pod).find(
            ({ spec }) => spec.name === instance.labels[LABEL.container],
          );
          const message = `Stopping container ${container?.spec.name ?? ""}: all containers of the pod are restarted`;
          return endContainer(run, container, instance, { message, deadline: () => now });
        }),
      );
    });
    run.publish();
    return true;
  }
  for (const { spec, kind } of containersOf(run.pod)) {
    const [newest] = instancesOf(run, spec.name);
    if (newest?.state === "exited" && kind !== "ephemeral") run.startedOver.add(newest.id);
  }
  run.waiting.clear();
  notifyChange(run);
  return false;
}
