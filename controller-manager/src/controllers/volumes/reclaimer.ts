import type { PersistentVolume, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { nodes, persistentVolumeClaims, persistentVolumes, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists, isNotFound } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { setFinalizers } from "./protection.ts";
import { HELD, hostnameOf, nodeOf, PROVISIONED_BY, VOLUMES } from "./provisioner.ts";

/** Keeps volumes' phases, and takes volumes back whose claim is gone, as their policy says. */

const CLEANER_LABEL = "coracle.io/cleans-volume";
const NAMESPACE = "kube-system";

/** `image`: runs the pod that removes a volume's directory on its node. */
export const volumeReclaimer = (image: string): Controller =>
  defineController({
    name: "volume-reclaimer",
    for: persistentVolumes,
    watches: [
      { resource: persistentVolumeClaims, keys: (claim, _old, ctx) => volumesOfClaim(claim, ctx) },
      {
        resource: pods,
        keys: ({ metadata }) => {
          const volume = metadata.namespace === NAMESPACE ? metadata.labels?.[CLEANER_LABEL] : undefined;
          return volume === undefined ? [] : [volume];
        },
      },
    ],
    setup(ctx) {
      ctx.informers.for(nodes);
      ctx.informers.for(persistentVolumes).addIndex("claim", (v) => {
        const ref = v.spec?.claimRef;
        return ref ? [`${ref.namespace}/${ref.name}`] : [];
      });
    },
    async reconcile(key, ctx): Promise<Result> {
      const volume = ctx.informers.for(persistentVolumes).get(key);
      if (!volume) return dropCleaner(ctx, key);
      const ref = volume.spec?.claimRef;
      const deleting = volume.metadata.deletionTimestamp !== undefined;
      if (!ref?.uid) return deleting ? reclaim(ctx, volume, image) : setPhase(ctx, volume, "Available");
      const claimKey = `${ref.namespace}/${ref.name}`;
      const cached = ctx.informers.for(persistentVolumeClaims).get(claimKey);
      if (cached?.metadata.uid === ref.uid) {
        const bound = cached?.spec?.volumeName === volume.metadata.name;
        return bound ? setPhase(ctx, volume, "Bound") : undefined;
      }
      if (!(await isClaimGone(ctx, ref.namespace, ref.name ?? "", ref.uid))) return;
      // One that failed to be taken back stays so until somebody looks after it.
      if (volume.status?.phase !== "Failed") await setPhase(ctx, volume, "Released");
      await reclaim(ctx, volume, image);
    },
  });

/** As the policy says. */
async function reclaim(ctx: ControllerContext, volume: PersistentVolume, image: string): Promise<void> {
  const policy = volume.spec?.persistentVolumeReclaimPolicy;
  if (policy === "Delete" && nodeOf(volume) !== undefined) return remove(ctx, volume, image);
  if (volume.metadata.deletionTimestamp !== undefined) return letGo(ctx, volume);
  if (policy === "Retain") return;
  // Others have their own provisioners, which delete what they made.
  if (volume.metadata.annotations?.[PROVISIONED_BY] !== undefined || volume.spec?.csi) return;
  if (volume.status?.phase === "Failed") return;
  const message =
    policy === "Delete"
      ? `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`
      : "no volume plugin found for recycling";
  const reason = policy === "Delete" ? "VolumeFailedDelete" : "VolumeFailedRecycle";
  await setPhase(ctx, volume, "Failed", message);
  ctx.events.record(volume, "Warning", reason, message);
}

function volumesOfClaim(claim: KubeObject, ctx: ControllerContext): string[] {
  const key = `${claim.metadata.namespace}/${claim.metadata.name}`;
  return ctx.informers
    .for(persistentVolumes)
    .byIndex("claim", key)
    .map((v) => v.metadata.name ?? "");
}

/** Takes our finalizer off. */
async function letGo(ctx: ControllerContext, volume: PersistentVolume): Promise<void> {
  if (volume.metadata.finalizers?.includes(HELD))
    await setFinalizers(ctx, persistentVolumes, volume, (all) => all.filter((f) => f !== HELD));
}

/** Data is about to be deleted: the server is asked, not the cache. */
async function isClaimGone(
  ctx: ControllerContext,
  namespace: string | undefined,
  name: string,
  uid: string,
): Promise<boolean> {
  const claim = await ctx.client
    .get(persistentVolumeClaims, { name, namespace }, { signal: ctx.signal })
    .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error)));
  return claim?.metadata.uid !== uid;
}

async function setPhase(
  ctx: ControllerContext,
  volume: PersistentVolume,
  phase: string,
  message: string | null = null,
): Promise<void> {
  if (volume.status?.phase === phase) return;
  const { name = "" } = volume.metadata;
  await ctx.client.patch(
    persistentVolumes,
    { name },
    { type: "merge", body: { status: { phase, message } } },
    { subresource: "status", signal: ctx.signal },
  );
}

/** Removes the directory by a pod on the volume's node, then the volume. With the node its storage is gone too. */
async function remove(ctx: ControllerContext, volume: PersistentVolume, image: string): Promise<void> {
  const name = volume.metadata.name ?? "";
  const host = nodeOf(volume);
  const node = [...ctx.informers.for(nodes).list()].find((n) => hostnameOf(n) === host);
  const cleaner = cleanerFor(name, node?.metadata.name ?? "", image);
  const at = { name: cleaner.metadata.name ?? "", namespace: NAMESPACE };
  const running = ctx.informers.for(pods).get(`${at.namespace}/${at.name}`);
  if (node && running?.status?.phase !== "Succeeded") {
    if (running?.status?.phase === "Failed") {
      ctx.events.record(volume, "Warning", "VolumeFailedDelete", `pod ${at.name} could not remove the data`);
      await deletePod(ctx, at);
      throw new Error(`the cleaner of volume ${name} failed`);
    }
    if (running) return;
    await ctx.client.create(pods, cleaner, { signal: ctx.signal }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    return;
  }
  if (volume.metadata.deletionTimestamp === undefined) {
    const preconditions = { uid: volume.metadata.uid };
    // Its finalizers stay for the next look, which the deletion brings about.
    await unlessGone(ctx.client.delete(persistentVolumes, { name }, { signal: ctx.signal, preconditions }));
  } else await letGo(ctx, volume);
}

async function unlessGone(deletion: Promise<unknown>): Promise<void> {
  await deletion.catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}

const deletePod = (ctx: ControllerContext, at: { name: string; namespace: string }): Promise<void> =>
  unlessGone(ctx.client.delete(pods, at, { signal: ctx.signal }));

/** The cleaner of a volume that is gone, once it has done its work. */
async function dropCleaner(ctx: ControllerContext, volume: string): Promise<void> {
  const at = { name: cleanerName(volume), namespace: NAMESPACE };
  const phase = ctx.informers.for(pods).get(`${at.namespace}/${at.name}`)?.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") await deletePod(ctx, at);
}

const cleanerName = (volume: string): string => `clean-${volume}`;
const REMOVE = "require('node:fs').rmSync('/volumes/' + process.argv[1], { recursive: true, force: true })";

const cleanerFor = (volume: string, node: string, image: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: cleanerName(volume),
    namespace: NAMESPACE,
    labels: { [CLEANER_LABEL]: volume },
  },
  spec: {
    nodeName: node,
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 0,
    tolerations: [{ operator: "Exists" }],
    containers: [
      {
        name: "clean",
        image,
        imagePullPolicy: "IfNotPresent",
        command: ["node", "-e", REMOVE, volume],
        securityContext: { runAsUser: 0 },
        volumeMounts: [{ name: "volumes", mountPath: "/volumes" }],
      },
    ],
    volumes: [{ name: "volumes", hostPath: { path: VOLUMES, type: "DirectoryOrCreate" } }],
  },
});
