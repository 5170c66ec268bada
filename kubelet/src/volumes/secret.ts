import type { KeyToPath } from "@coracle/shared/api/generated/core-v1.ts";
import { DEFAULT_MODE, selectKeys } from "./keys.ts";
import { VolumeError, type Payload, type VolumeContext, type VolumeType } from "./volume.ts";

interface SecretSource {
  readonly name: string;
  readonly items?: KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

/** The files of a Secret. @throws VolumeError when it, or a chosen key, is not there and must be */
export async function secretFiles(
  { name, items, optional = false }: SecretSource,
  mode: number,
  context: VolumeContext,
): Promise<Payload> {
  const namespace = context.pod.metadata.namespace ?? "";
  const object = await context.references.secret(namespace, name);
  if (!object && !optional) throw new VolumeError(`secret "${name}" not found`);
  if (!object) return new Map();
  const data = new Map(
    Object.entries(object.data ?? {}).map(([k, v]): [string, Buffer] => [k, Buffer.from(v, "base64")]),
  );
  return selectKeys(data, { items, mode, optional, missing: "references non-existent secret key" });
}

/** A Secret's keys as files, in memory only. */
export const secret: VolumeType = {
  name: "secret",
  plan({ secret: source }) {
    if (!source) return undefined;
    const { secretName: name = "", items, optional, defaultMode = DEFAULT_MODE } = source;
    return {
      kind: "engine",
      memory: {},
      readOnly: true,
      files: (context) => secretFiles({ name, items, optional }, defaultMode, context),
    };
  },
};
