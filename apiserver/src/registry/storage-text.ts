import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { requestEntityTooLarge } from "@coracle/shared/errors.ts";
import type { ObjectKey } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";

/** Upstream's limit for one object in its store. */
const maxObjectBytes = 1.5 * 1024 * 1024;
const metadataStart = '"metadata":{';

/**
 * The text an object is stored as: kind, apiVersion and metadata first, and no resourceVersion, which the store gives.
 * @throws ApiError 413
 */
export function storageText(object: KubeObject): string {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, ...stored } = metadata;
  const text = JSON.stringify({ kind, apiVersion, metadata: stored, ...rest });
  // A UTF-16 unit is at most three bytes, so that short texts need no counting.
  if (text.length * 3 > maxObjectBytes && Buffer.byteLength(text) > maxObjectBytes) {
    throw requestEntityTooLarge(`limit is ${maxObjectBytes}`);
  }
  return text;
}

/** The same text with `metadata.resourceVersion` spliced in, as clients see it. */
export function withRevision(text: string, revision: number): string {
  const at = text.indexOf(metadataStart) + metadataStart.length;
  return `${text.slice(0, at)}"resourceVersion":"${revision}",${text.slice(at)}`;
}

/** What was just written, in the form that the cache will hold it in shortly. */
export function written(key: ObjectKey, revision: number, text: string): CachedObject {
  let bytes: Buffer | undefined;
  let object: KubeObject | undefined;
  return {
    key,
    revision,
    get object() {
      return (object ??= JSON.parse(withRevision(text, revision)) as KubeObject);
    },
    json: () => (bytes ??= Buffer.from(withRevision(text, revision))),
  };
}

/** A dry run's result: the object as it would be, with the revision it was based on. */
export function notWritten(key: ObjectKey, revision: number | undefined, text: string): CachedObject {
  if (revision !== undefined) return written(key, revision, text);
  return { key, revision: 0, object: JSON.parse(text) as KubeObject, json: () => Buffer.from(text) };
}
