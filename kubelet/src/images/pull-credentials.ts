import { podEvent, type PodRun } from "../pod.ts";
import type { RegistryAuth } from "../runtime/runtime.ts";
import { credentialsFor } from "./credentials.ts";

/** What a pod's pull secrets offer for an image; those that are not there are told of. */
export const pullCredentials = (run: PodRun, image: string): Promise<readonly RegistryAuth[]> =>
  credentialsFor(image, run.pod, run.ctx.references.forPod(run.uid), (names) =>
    podEvent(
      run,
      "Warning",
      "FailedToRetrieveImagePullSecret",
      `Unable to retrieve some image pull secrets (${names.join(", ")}); attempting to pull the image may not succeed.`,
    ),
  );
