import type { VolumeType } from "./volume.ts";

/** An image's files, read-only. */
export const image: VolumeType = {
  name: "image",
  plan({ name, image: source }) {
    if (!source) return undefined;
    return {
      kind: "engine",
      readOnly: true,
      fill: (context, directory) => context.images.extract(name, source, directory),
    };
  },
};
