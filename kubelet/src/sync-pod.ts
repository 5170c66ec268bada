/** The steps of a pod's life, in order. Ending a pod undoes them in the opposite order. */
import { pods } from "@coracle/shared/api/resources.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { isEnding, type PodRun } from "./pod.ts";
import { address } from "./steps/address.ts";
import { admission } from "./steps/admission.ts";
import { cable } from "./steps/cable.ts";
import { containers } from "./steps/containers.ts";
import { deadline } from "./steps/deadline.ts";
import { devices } from "./steps/devices.ts";
import { files } from "./steps/files.ts";
import { resize } from "./steps/resize.ts";
import { sandbox } from "./steps/sandbox.ts";
import type { PodStep } from "./steps/step.ts";
import { volumes } from "./steps/volumes.ts";

/** Steps in one entry do not need each other and go together. */
export const podSteps: readonly (readonly PodStep[])[] = [
  [admission, deadline],
  [address, files],
  [devices],
  [sandbox],
  [cable, volumes],
  [resize],
  [containers],
];

/** Brings the pod to where it should be, as far as that is possible now. Resolves to true when nothing of it is left. */
export async function syncPod(run: PodRun): Promise<boolean> {
  if (!isEnding(run) && !run.over && !hasEnded(run)) await up(run);
  if (!isEnding(run) && !run.over && !hasEnded(run)) return false;
  if (!(await down(run, "stop"))) return false;
  run.publish();
  if (!run.gone && run.pod.metadata.deletionTimestamp === undefined) return false;
  // What the API shows last is how the containers ended; then they may go.
  if (!run.gone) await run.ctx.statuses.flushed(run.uid);
  if (!(await down(run, "erase"))) return false;
  await deleteFromApi(run);
  return true;
}

/** An earlier life of the kubelet has ended the pod. */
const hasEnded = ({ pod }: PodRun): boolean =>
  pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

async function up(run: PodRun): Promise<void> {
  for (const group of podSteps) {
    const went = await Promise.allSettled(group.map((step) => step.up(run)));
    // All have come to rest before one's failure ends the sync: the next must not meet them halfway.
    for (const { reason } of went.filter((result) => result.status === "rejected")) throw reason;
    if (run.over || isEnding(run) || !went.every((r) => r.status === "fulfilled" && r.value)) return;
  }
}

async function down(run: PodRun, undo: "stop" | "erase"): Promise<boolean> {
  for (const group of podSteps.toReversed())
    for (const step of group) {
      const work = step[undo];
      if (work && !(await work(run))) return false;
    }
  return true;
}

/** The last word of a deleted pod. Another pod of its name is not touched. */
async function deleteFromApi(run: PodRun): Promise<void> {
  const { name = "", namespace, uid } = run.pod.metadata;
  if (run.gone) return;
  try {
    await run.ctx.client.delete(
      pods,
      { namespace, name },
      { gracePeriodSeconds: 0, preconditions: { uid }, signal: run.ctx.signal },
    );
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
