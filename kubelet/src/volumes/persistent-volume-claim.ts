import { mkdir } from "node:fs/promises";
import type { PersistentVolume, Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { persistentVolumeClaims, persistentVolumes } from "@coracle/shared/api/resources.ts";
import { checkHostPath } from "./host-path.ts";
import { VolumeError, type VolumeContext, type VolumeType } from "./volume.ts";

const claimOf = (volume: Volume, pod: Pod): { name: string; readOnly: boolean } | undefined => {
  if (volume.persistentVolumeClaim)
    return {
      name: volume.persistentVolumeClaim.claimName,
      readOnly: volume.persistentVolumeClaim.readOnly ?? false,
    };
  return volume.ephemeral ? { name: `${pod.metadata.name}-${volume.name}`, readOnly: false } : undefined;
};

/** Where on this node a bound volume's files are. @throws VolumeError for a kind of volume a node cannot hold */
async function locate(
  volume: PersistentVolume,
  context: VolumeContext,
): Promise<{ here: string; engine: string }> {
  const { local, hostPath } = volume.spec ?? {};
  if (hostPath) {
    const path = context.storage(hostPath.path);
    await checkHostPath(path.here, hostPath.path, hostPath.type || "DirectoryOrCreate");
    return path;
  }
  if (local) {
    const path = context.storage(local.path);
    await mkdir(path.here, { recursive: true, mode: 0o777 });
    return path;
  }
  throw new VolumeError(`PersistentVolume "${volume.metadata.name}" is of a type this node cannot mount`);
}

/** A claim bound to a volume of this node. */
export const persistentVolumeClaim: VolumeType = {
  name: "persistentVolumeClaim",
  plan(volume, pod) {
    const claim = claimOf(volume, pod);
    if (!claim) return undefined;
    return {
      kind: "path",
      readOnly: claim.readOnly,
      owned: true,
      resolve: async (context) => {
        const namespace = context.pod.metadata.namespace ?? "";
        const found = await context.client.get(persistentVolumeClaims, { namespace, name: claim.name });
        const name = found.spec?.volumeName;
        if (found.status?.phase !== "Bound" || !name)
          throw new VolumeError(`persistentvolumeclaim "${claim.name}" is not bound`);
        return locate(await context.client.get(persistentVolumes, { name }), context);
      },
    };
  },
};
