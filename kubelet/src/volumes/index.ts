/** The types of volumes, in the order they are tried. */
import type { Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { configMap } from "./config-map.ts";
import { downwardApi } from "./downward-api.ts";
import { emptyDir } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { image } from "./image.ts";
import { nfs } from "./nfs.ts";
import { persistentVolumeClaim } from "./persistent-volume-claim.ts";
import { projected } from "./projected.ts";
import { secret } from "./secret.ts";
import type { VolumePlan, VolumeType } from "./volume.ts";

export const volumeTypes: readonly VolumeType[] = [
  emptyDir,
  configMap,
  secret,
  projected,
  downwardApi,
  hostPath,
  persistentVolumeClaim,
  nfs,
  image,
];

/** How a volume of the pod is provided. */
export function planVolume(volume: Volume, pod: Pod): VolumePlan {
  for (const type of volumeTypes) {
    const plan = type.plan(volume, pod);
    if (plan) return plan;
  }
  // A volume without a source is an emptyDir.
  if (Object.keys(volume).length === 1) return { kind: "engine", readOnly: false };
  if (volume.csi) return { kind: "unsupported", why: noDriver(volume.csi.driver) };
  const type = Object.keys(volume).find((key) => key !== "name");
  return {
    kind: "unsupported",
    why: `no volume plugin matched: the volume is of the unsupported type ${type}`,
  };
}

/** Upstream's words: no driver ever registers with this kubelet. */
const noDriver = (driver: string): string =>
  `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ${driver} not found in the list of registered CSI drivers`;
