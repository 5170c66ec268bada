import type { DownwardAPIVolumeFile } from "@coracle/shared/api/generated/core-v1.ts";
import { fieldValue, resourceValue } from "../container/fields.ts";
import { DEFAULT_MODE } from "./keys.ts";
import type { Payload, VolumeContext, VolumeFile, VolumeType } from "./volume.ts";

/** Fields of the pod as files. @throws Error for a field that is not offered */
export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  { pod, addresses, allocatable }: VolumeContext,
): Payload {
  return new Map(
    items.map(({ path, fieldRef, resourceFieldRef, mode }): [string, VolumeFile] => {
      const text = fieldRef
        ? fieldValue(pod, fieldRef, addresses)
        : resourceFieldRef
          ? resourceValue(pod, resourceFieldRef, "", allocatable)
          : "";
      return [path, { data: Buffer.from(text), mode: mode ?? defaultMode }];
    }),
  );
}

/** The pod's own fields as files, which follow changes of its labels and annotations. */
export const downwardApi: VolumeType = {
  name: "downwardAPI",
  plan({ downwardAPI: source }) {
    if (!source) return undefined;
    return {
      kind: "engine",
      memory: {},
      readOnly: true,
      files: (context) =>
        Promise.resolve(downwardFiles(source.items ?? [], source.defaultMode ?? DEFAULT_MODE, context)),
    };
  },
};
