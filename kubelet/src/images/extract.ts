/** Image volumes: an image by its pull policy, and its files in a directory. */
import type { Readable } from "node:stream";
import type { ImageVolumeSource } from "@coracle/shared/api/generated/core-v1.ts";
import { imageVolumeName, LABEL } from "../container/names.ts";
import { command } from "../network/command.ts";
import { containersOf, podEvent, type PodRun } from "../pod.ts";
import { VolumePending, type VolumeImages } from "../volumes/volume.ts";
import type { ImageAnswer } from "./manager.ts";
import { pullCredentials } from "./pull-credentials.ts";

/** What the engine itself puts into a container's root; below it the same names are the image's. */
const NOT_OF_THE_IMAGE = ["./.dockerenv", "./dev/*", ".dockerenv", "dev/*"];

/** Puts the files of a container's archive into a directory, but for what the engine added to the image's. */
export async function unpack(archive: Readable, directory: string, signal: AbortSignal): Promise<void> {
  const exclude = NOT_OF_THE_IMAGE.map((pattern) => `--exclude=${pattern}`);
  const into = ["--extract", "--preserve-permissions", "--numeric-owner", "--directory", directory];
  await command("tar", [...into, "--anchored", ...exclude], { input: archive, signal });
}

function ask(run: PodRun, volume: string, source: ImageVolumeSource): Promise<ImageAnswer> {
  const { ctx, pod } = run;
  const { reference = "", pullPolicy } = source;
  return ctx.images.ensure({
    pod,
    container: { name: `volume ${volume}`, image: reference, imagePullPolicy: pullPolicy },
    attempt: 0,
    credentials: () => pullCredentials(run, reference),
    event: (type, reason, message) => podEvent(run, type, reason, message),
    wake: run.wake,
  });
}

/** Containers that mount the volume wait for what the image waits for. */
function holdBack(run: PodRun, volume: string, answer: ImageAnswer): void {
  for (const { spec } of containersOf(run.pod)) {
    if (!spec.volumeMounts?.some((mount) => mount.name === volume)) continue;
    if (answer.kind === "waiting") run.waiting.set(spec.name, answer.waiting);
    else if (answer.kind === "present") run.waiting.delete(spec.name);
  }
}

export const volumeImages = (run: PodRun): VolumeImages => ({
  extract: async (volume, source, directory) => {
    const answer = await ask(run, volume, source);
    holdBack(run, volume, answer);
    if (answer.kind !== "present")
      throw new VolumePending(answer.kind === "waiting" ? answer.until : undefined);
    const { runtime, identity } = run.ctx;
    const labels = { [LABEL.cluster]: identity.cluster };
    await runtime.exportImage(answer.image.id, imageVolumeName(run.pod, volume), labels, (archive) =>
      unpack(archive, directory, run.ending.signal),
    );
  },
});
