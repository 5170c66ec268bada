import type { ObjectKey } from "./store.ts";

/** `resource/namespace/name`, the text of a key in the change log. No part contains a slash. */
export const keyText = (key: ObjectKey): string => `${key.resource}/${key.namespace}/${key.name}`;

/** The Redis key that holds an object. */
export const objectKey = (key: ObjectKey): string => `${objectPrefix}${keyText(key)}`;

export const objectPrefix = "o:";

/** The cluster-wide revision counter. */
export const revisionKey = "revision";

/** The change stream; entry ids are `<revision>-0`. */
export const changesKey = "changes";

/** Where each write is announced, as `<revision> <operation id>`. */
export const changesChannel = changesKey;

/** The revision from which the change stream can be followed. */
export const trimPointKey = "trimmed";

/** Takes {@link keyText} apart. */
export function parseKeyText(text: string): ObjectKey {
  const first = text.indexOf("/");
  const second = text.indexOf("/", first + 1);
  return {
    resource: text.slice(0, first),
    namespace: text.slice(first + 1, second),
    name: text.slice(second + 1),
  };
}
