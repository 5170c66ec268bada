import { quantityValue, parseQuantity } from "@coracle/shared/meta/quantity.ts";
import type { VolumeType } from "./volume.ts";

/** A directory as old as the pod, on disk or (`medium: Memory`) on a tmpfs of the limit's size. */
export const emptyDir: VolumeType = {
  name: "emptyDir",
  plan({ emptyDir: source }) {
    if (!source) return undefined;
    const sizeBytes = source.sizeLimit ? quantityValue(parseQuantity(source.sizeLimit)) : 0;
    const memory = source.medium === "Memory" || source.medium?.startsWith("HugePages");
    return {
      kind: "engine",
      readOnly: false,
      ...(memory ? { memory: sizeBytes > 0 ? { sizeBytes } : {} } : {}),
    };
  },
};
