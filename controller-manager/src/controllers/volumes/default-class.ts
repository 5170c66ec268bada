import type { PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";

const DEFAULT = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];
const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

/** A class that claims get which name none. */
export const isDefaultClass = ({ metadata }: StorageClass): boolean =>
  DEFAULT.some((annotation) => metadata.annotations?.[annotation] === "true");

/** The claim left its class open; an empty name says that it wants none. */
export const hasNoClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  spec?.storageClassName === undefined && metadata.annotations?.[CLASS_ANNOTATION] === undefined;

/** Of several defaults the newest, then the first by name, as for a new claim. */
export function defaultClass(classes: Iterable<StorageClass>): StorageClass | undefined {
  const age = ({ metadata }: StorageClass): string => metadata.creationTimestamp ?? "";
  const name = ({ metadata }: StorageClass): string => metadata.name ?? "";
  return [...classes]
    .filter(isDefaultClass)
    .toSorted((a, b) => (age(a) === age(b) ? (name(a) < name(b) ? -1 : 1) : age(a) < age(b) ? 1 : -1))[0];
}
