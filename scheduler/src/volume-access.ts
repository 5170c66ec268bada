import { persistentVolumeClaims, persistentVolumes, storageClasses } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { InformerFactory } from "@coracle/shared/informer/informer.ts";
import { selectedNodeAnnotation, type VolumeAccess } from "./plugins/volumes.ts";

/** Upstream's bindTimeoutSeconds. */
const bindTimeoutMs = 600_000;

/** Claims, volumes and classes from informers; `onChange` hears of any change that may help a waiting pod. */
export function createVolumeAccess(
  client: Client,
  informers: InformerFactory,
  onChange: () => void,
): VolumeAccess {
  const claims = informers.for(persistentVolumeClaims);
  const volumes = informers.for(persistentVolumes);
  const classes = informers.for(storageClasses);
  volumes.addIndex("class", (v) => [v.spec?.storageClassName ?? ""]);
  const handler = { add: onChange, update: onChange, delete: onChange };
  claims.on(handler);
  volumes.on(handler);
  classes.on(handler);
  const at = (namespace: string, name: string): string => `${namespace}/${name}`;

  return {
    claim: (namespace, name) => claims.get(at(namespace, name)),
    volume: (name) => volumes.get(name),
    volumesOfClass: (name) => volumes.byIndex("class", name),
    storageClass: (name) => (name ? classes.get(name) : undefined),
    async bindVolume(volume, claim, signal) {
      const { namespace, name, uid, resourceVersion } = claim.metadata;
      const claimRef = {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace,
        name,
        uid,
        resourceVersion,
      };
      const annotations = { ...volume.metadata.annotations, "pv.kubernetes.io/bound-by-controller": "yes" };
      await client.update(
        persistentVolumes,
        { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } },
        { signal },
      );
    },
    async selectNode(claim, node, signal) {
      const { namespace, name = "" } = claim.metadata;
      await client.patch(
        persistentVolumeClaims,
        { namespace, name },
        { type: "merge", body: { metadata: { annotations: { [selectedNodeAnnotation]: node } } } },
        { signal },
      );
    },
    waitUntilBound(wanted, signal) {
      const bound = (): boolean =>
        wanted.every(({ namespace, name }) => claims.get(at(namespace, name))?.status?.phase === "Bound");
      return new Promise((resolve, reject) => {
        const finish = (error?: Error): void => {
          clearTimeout(timer);
          stop();
          signal.removeEventListener("abort", aborted);
          if (error) reject(error);
          else resolve();
        };
        const aborted = (): void => finish(new Error("stopped while waiting for volumes"));
        const timer = setTimeout(
          () => finish(new Error("timed out waiting for volumes to be bound")),
          bindTimeoutMs,
        );
        const check = (): void => {
          if (bound()) finish();
        };
        const stop = claims.on({ update: check, delete: check });
        signal.addEventListener("abort", aborted);
        check();
      });
    },
  };
}
