/** The types of volumes, in the order they are tried. */
import type { Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { configMap } from "./config-map.ts";
import { downwardApi } from "./downward-api.ts";
import { emptyDir } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { nfs } from "./nfs.ts";
import { persistentVolumeClaim } from "./persistent-volume-claim.ts";
import { projected } from "./projected.ts";
import { secret } from "./secret.ts";
import { VolumeError, type VolumePlan, type VolumeType } from "./volume.ts";

export const volumeTypes: readonly VolumeType[] = [
  emptyDir,
  configMap,
  secret,
  projected,
  downwardApi,
  hostPath,
  persistentVolumeClaim,
  nfs,
];

/** How a volume of the pod is provided. @throws VolumeError for a type that is not supported */
export function planVolume(volume: Volume, pod: Pod): VolumePlan {
  for (const type of volumeTypes) {
    const plan = type.plan(volume, pod);
    if (plan) return plan;
  }
  // A volume without a source is an emptyDir.
  if (Object.keys(volume).length === 1) return { kind: "engine", readOnly: false };
  const type = Object.keys(volume).find((key) => key !== "name");
  throw new VolumeError(
    `no volume plugin matched: volume "${volume.name}" is of the unsupported type ${type}`,
  );
}
