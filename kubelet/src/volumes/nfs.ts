import type { VolumeType } from "./volume.ts";

/** A directory of an NFS server, mounted by the engine. */
export const nfs: VolumeType = {
  name: "nfs",
  plan({ nfs: source }) {
    if (!source) return undefined;
    const { server, path, readOnly = false } = source;
    return {
      kind: "engine",
      readOnly,
      mount: { type: "nfs", device: `:${path}`, options: `addr=${server}${readOnly ? ",ro" : ",rw"}` },
    };
  },
};
