import type { ConfigMap, ConfigMapVolumeSource } from "@coracle/shared/api/generated/core-v1.ts";
import { DEFAULT_MODE, selectKeys } from "./keys.ts";
import { VolumeError, type Payload, type VolumeContext, type VolumeType } from "./volume.ts";

const dataOf = (object: ConfigMap): Map<string, Buffer> =>
  new Map([
    ...Object.entries(object.data ?? {}).map(([k, v]): [string, Buffer] => [k, Buffer.from(v)]),
    ...Object.entries(object.binaryData ?? {}).map(([k, v]): [string, Buffer] => [
      k,
      Buffer.from(v, "base64"),
    ]),
  ]);

/** The files of a ConfigMap. @throws VolumeError when it, or a chosen key, is not there and must be */
export async function configMapFiles(
  source: Pick<ConfigMapVolumeSource, "name" | "items" | "optional">,
  mode: number,
  context: VolumeContext,
): Promise<Payload> {
  const namespace = context.pod.metadata.namespace ?? "";
  const { name = "", items, optional = false } = source;
  const object = await context.references.configMap(namespace, name);
  if (!object && !optional) throw new VolumeError(`configmap "${name}" not found`);
  if (!object) return new Map();
  const missing = "configmap references non-existent config key";
  return selectKeys(dataOf(object), { items, mode, optional, missing });
}

/** A ConfigMap's keys as files, which follow its changes. */
export const configMap: VolumeType = {
  name: "configMap",
  plan({ configMap: source }) {
    if (!source) return undefined;
    return {
      kind: "engine",
      readOnly: true,
      files: (context) => configMapFiles(source, source.defaultMode ?? DEFAULT_MODE, context),
    };
  },
};
