import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";

/** The keys of the claims a pod uses, those of its ephemeral volumes included. Pure. */
export const claimsOf = (pod: Pod): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name =
      volume.persistentVolumeClaim?.claimName ??
      (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined);
    return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
  });

/** Pods by the claims they use. Call from `setup`. */
export const indexByClaim = (informer: Informer<Pod>): void => informer.addIndex("claim", claimsOf);
