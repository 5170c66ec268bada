/** Choosing keys of a ConfigMap or Secret as files: `items`, modes, and what is missing. */
import type { KeyToPath } from "@coracle/shared/api/generated/core-v1.ts";
import { VolumeError, type Payload, type VolumeFile } from "./volume.ts";

export interface KeySelection {
  readonly items: readonly KeyToPath[] | undefined;
  readonly mode: number;
  readonly optional: boolean;
  /** The beginning of the error about a key that is not there, which upstream words differently for each kind. */
  readonly missing: string;
}

/** All keys, or the chosen ones under their paths. @throws VolumeError for a chosen key that is not there */
export function selectKeys(data: ReadonlyMap<string, Buffer>, selection: KeySelection): Payload {
  const { items, mode, optional, missing } = selection;
  if (!items || items.length === 0)
    return new Map([...data].map(([key, bytes]): [string, VolumeFile] => [key, { data: bytes, mode }]));
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const bytes = data.get(item.key);
    if (bytes) files.set(item.path, { data: bytes, mode: item.mode ?? mode });
    else if (!optional) throw new VolumeError(`${missing}: ${item.key}`);
  }
  return files;
}

export const DEFAULT_MODE = 0o644;
