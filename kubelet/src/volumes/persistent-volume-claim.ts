import { access, chmod, mkdir } from "node:fs/promises";
import type { PersistentVolume, Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { persistentVolumeClaims, persistentVolumes } from "@coracle/shared/api/resources.ts";
import { checkHostPath, nodePath } from "./host-path.ts";
import { VolumeError, type NodePath, type VolumeContext, type VolumeType } from "./volume.ts";

/** Marks the volumes that our own provisioner made. */
const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";
const LOCAL_PROVISIONER = "coracle.io/local";

const claimOf = (volume: Volume, pod: Pod): { name: string; readOnly: boolean } | undefined => {
  if (volume.persistentVolumeClaim)
    return {
      name: volume.persistentVolumeClaim.claimName,
      readOnly: volume.persistentVolumeClaim.readOnly ?? false,
    };
  return volume.ephemeral ? { name: `${pod.metadata.name}-${volume.name}`, readOnly: false } : undefined;
};

/** Where on this node a bound volume's files are. @throws VolumeError for a kind of volume a node cannot hold */
async function locate(volume: PersistentVolume, context: VolumeContext): Promise<NodePath> {
  const { local, hostPath } = volume.spec ?? {};
  if (hostPath) {
    const path = await nodePath(context, hostPath.path);
    const ours = volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER;
    if (ours) await makeOpen(path.here);
    else await checkHostPath(path.here, hostPath.path, hostPath.type ?? "");
    // As upstream: the administrator's own directories keep their owner.
    return { ...path, owned: ours };
  }
  if (local) {
    const path = await nodePath(context, local.path);
    await access(path.here).catch(() => {
      throw new VolumeError(`path "${local.path}" does not exist`);
    });
    return { ...path, owned: true };
  }
  throw new VolumeError(`PersistentVolume "${volume.metadata.name}" is of a type this node cannot mount`);
}

/** A provisioned volume is for whoever gets it, whatever user that is. */
async function makeOpen(path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o777);
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
      resolve: async (context) => {
        const namespace = context.pod.metadata.namespace ?? "";
        const found = await context.client.get(persistentVolumeClaims, { namespace, name: claim.name });
        const name = found.spec?.volumeName;
        if (found.status?.phase !== "Bound" || !name)
          throw new VolumeError(`persistentvolumeclaim "${claim.name}" is not bound`);
        const bound = await context.client.get(persistentVolumes, { name });
        if (bound.spec?.volumeMode === "Block")
          throw new VolumeError(
            `volume ${volume.name} has volumeMode Block, but is specified in volumeMounts`,
          );
        return locate(bound, context);
      },
    };
  },
};
