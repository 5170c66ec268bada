import type { PersistentVolume, PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { semanticEqual } from "../../canonical.ts";
import { indexByClaim } from "./claims-of-pod.ts";
import { defaultClass, hasNoClass, isDefaultClass } from "./default-class.ts";
import { bestMatch, classOf, isClaimedBy, suits } from "./match.ts";

/** Binds claims to volumes. Making volumes is the provisioner's, taking them back the reclaimer's part. */

export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
export const PROVISIONER = "volume.kubernetes.io/storage-provisioner";
/** The name it had before; provisioners that are older still look there. */
const PROVISIONER_BETA = "volume.beta.kubernetes.io/storage-provisioner";
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";

export const persistentVolumeBinder = (): Controller =>
  defineController({
    name: "persistentvolume",
    for: persistentVolumeClaims,
    // One at a time: two claims must not choose the same volume.
    workers: 1,
    watches: [
      { resource: persistentVolumes, keys: claimsTouched },
      {
        resource: storageClasses,
        keys: (cls, _old, ctx) => [
          ...unboundOf(ctx, cls.metadata.name ?? ""),
          ...(isDefaultClass(cls as StorageClass) ? unboundOf(ctx, "") : []),
        ],
      },
    ],
    setup(ctx) {
      indexByClaim(ctx.informers.for(pods));
      ctx.informers.for(nodes);
      ctx.informers
        .for(persistentVolumeClaims)
        .addIndex("unbound-class", (claim) =>
          claim.metadata.annotations?.[BIND_COMPLETED] ? [] : [classOf(claim)],
        );
    },
    async reconcile(key, ctx): Promise<Result> {
      const claim = ctx.informers.for(persistentVolumeClaims).get(key);
      if (!claim) return;
      if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) await checkBound(ctx, claim);
      else if (claim.metadata.deletionTimestamp === undefined) await bindUnbound(ctx, claim);
    },
  });

/** The claim a volume is for, and when it is free all claims that might want it. */
function claimsTouched(object: KubeObject, _old: KubeObject | undefined, ctx: ControllerContext): string[] {
  const volume = object as PersistentVolume;
  const ref = volume.spec?.claimRef;
  return ref ? [`${ref.namespace}/${ref.name}`] : unboundOf(ctx, classOf(volume));
}

const unboundOf = (ctx: ControllerContext, className: string): string[] =>
  ctx.informers
    .for(persistentVolumeClaims)
    .byIndex("unbound-class", className)
    .map((c) => keyOf(c));

/** A bound claim whose volume is gone, or has become another's, is lost. */
async function checkBound(ctx: ControllerContext, claim: PersistentVolumeClaim): Promise<void> {
  const name = claim.spec?.volumeName;
  const volume = name ? ctx.informers.for(persistentVolumes).get(name) : undefined;
  if (!name || !volume)
    return lose(
      ctx,
      claim,
      "ClaimLost",
      "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
    );
  if (!volume.spec?.claimRef || isClaimedBy(volume, claim)) return bind(ctx, claim, volume);
  return lose(
    ctx,
    claim,
    "ClaimMisbound",
    "Two claims are bound to the same volume, this one is bound incorrectly",
  );
}

async function lose(
  ctx: ControllerContext,
  claim: PersistentVolumeClaim,
  reason: string,
  message: string,
): Promise<void> {
  if (claim.status?.phase === "Lost") return;
  await ctx.client.update(
    persistentVolumeClaims,
    { ...claim, status: { ...claim.status, phase: "Lost" } },
    { subresource: "status", signal: ctx.signal },
  );
  ctx.events.record(claim, "Warning", reason, message);
}

async function bindUnbound(ctx: ControllerContext, claim: PersistentVolumeClaim): Promise<void> {
  if (claim.spec?.volumeName) return bindNamed(ctx, claim, claim.spec.volumeName);
  const cls = classOf(claim) ? ctx.informers.for(storageClasses).get(classOf(claim)) : undefined;
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  const delayed = cls?.volumeBindingMode === "WaitForFirstConsumer";
  const reserved = [...ctx.informers.for(persistentVolumes).list()].find(
    (v) => v.spec?.claimRef !== undefined && isClaimedBy(v, claim) && suits(v, claim),
  );
  // Until a node is chosen only a volume reserved for this very claim may be taken.
  if (delayed && selected === undefined && !reserved) return sayWaiting(ctx, claim);
  const node = selected === undefined ? undefined : ctx.informers.for(nodes).get(selected);
  const volume = reserved ?? bestMatch(claim, ctx.informers.for(persistentVolumes).list(), node);
  if (volume) return bind(ctx, claim, volume);
  if (await giveDefaultClass(ctx, claim)) return;
  return askForVolume(ctx, claim, cls);
}

/** A claim from before there was a default class gets it now. True when it was given, which brings the claim back here. */
async function giveDefaultClass(ctx: ControllerContext, claim: PersistentVolumeClaim): Promise<boolean> {
  const cls = hasNoClass(claim) ? defaultClass(ctx.informers.for(storageClasses).list()) : undefined;
  if (!cls) return false;
  await ctx.client.update(
    persistentVolumeClaims,
    { ...claim, spec: { ...claim.spec, storageClassName: cls.metadata.name } },
    { signal: ctx.signal },
  );
  return true;
}

/** A claim that names its volume gets that one or waits for it. */
async function bindNamed(ctx: ControllerContext, claim: PersistentVolumeClaim, name: string): Promise<void> {
  const volume = ctx.informers.for(persistentVolumes).get(name);
  if (!volume) return setPending(ctx, claim);
  if (volume.spec?.claimRef && !isClaimedBy(volume, claim)) {
    ctx.events.record(
      claim,
      "Warning",
      "FailedBinding",
      `volume "${name}" already bound to a different claim.`,
    );
    return setPending(ctx, claim);
  }
  if (!suits(volume, claim)) {
    ctx.events.record(
      claim,
      "Warning",
      "VolumeMismatch",
      `Cannot bind to requested volume "${name}": storageClassName does not match, or size, access or mode do not suit`,
    );
    return setPending(ctx, claim);
  }
  return bind(ctx, claim, volume);
}

async function setPending(ctx: ControllerContext, claim: PersistentVolumeClaim): Promise<void> {
  if (claim.status?.phase === "Pending") return;
  await ctx.client.update(
    persistentVolumeClaims,
    { ...claim, status: { ...claim.status, phase: "Pending" } },
    { subresource: "status", signal: ctx.signal },
  );
}

async function sayWaiting(ctx: ControllerContext, claim: PersistentVolumeClaim): Promise<void> {
  const users = ctx.informers.for(pods).byIndex("claim", keyOf(claim));
  const waiting = users.find((p) => !p.spec?.nodeName);
  if (waiting)
    ctx.events.record(
      claim,
      "Normal",
      "WaitForPodScheduled",
      `waiting for pod ${waiting.metadata.name} to be scheduled`,
    );
  else
    ctx.events.record(
      claim,
      "Normal",
      "WaitForFirstConsumer",
      "waiting for first consumer to be created before binding",
    );
  await setPending(ctx, claim);
}

/** Nothing fits: whoever provisions for the class is told by an annotation. */
async function askForVolume(
  ctx: ControllerContext,
  claim: PersistentVolumeClaim,
  cls: StorageClass | undefined,
): Promise<void> {
  if (!classOf(claim)) {
    ctx.events.record(
      claim,
      "Normal",
      "FailedBinding",
      "no persistent volumes available for this claim and no storage class is set",
    );
  } else if (!cls) {
    ctx.events.record(
      claim,
      "Warning",
      "ProvisioningFailed",
      `storageclass.storage.k8s.io "${classOf(claim)}" not found`,
    );
  } else if (cls.provisioner !== "kubernetes.io/no-provisioner") {
    if (claim.metadata.annotations?.[PROVISIONER] !== cls.provisioner) {
      const annotations = { [PROVISIONER_BETA]: cls.provisioner, [PROVISIONER]: cls.provisioner };
      const { name = "", namespace } = claim.metadata;
      await ctx.client.patch(
        persistentVolumeClaims,
        { name, namespace },
        { type: "merge", body: { metadata: { annotations } } },
        { signal: ctx.signal },
      );
    }
    ctx.events.record(
      claim,
      "Normal",
      "ExternalProvisioning",
      `Waiting for a volume to be created either by the external provisioner '${cls.provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    );
  }
  return setPending(ctx, claim);
}

/** Both sides, in the order that can be taken up again after any of its steps: volume, its status, claim, its status. */
async function bind(
  ctx: ControllerContext,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): Promise<void> {
  const bound = await bindVolume(ctx, claim, volume);
  const { name = "", uid, namespace } = claim.metadata;
  let current = claim;
  if (claim.spec?.volumeName !== bound.metadata.name || !claim.metadata.annotations?.[BIND_COMPLETED]) {
    const chosen = claim.spec?.volumeName ? {} : { [BOUND_BY_CONTROLLER]: "yes" };
    current = await ctx.client.update(
      persistentVolumeClaims,
      {
        ...claim,
        metadata: {
          ...claim.metadata,
          annotations: { ...claim.metadata.annotations, ...chosen, [BIND_COMPLETED]: "yes" },
        },
        spec: { ...claim.spec, volumeName: bound.metadata.name },
      },
      { signal: ctx.signal },
    );
    ctx.log.info({ claim: `${namespace}/${name}`, uid, volume: bound.metadata.name }, "claim bound");
  }
  const status = {
    ...current.status,
    phase: "Bound",
    accessModes: bound.spec?.accessModes,
    capacity: current.status?.capacity ?? bound.spec?.capacity,
  };
  if (semanticEqual(status, current.status)) return;
  await ctx.client.update(
    persistentVolumeClaims,
    { ...current, status },
    { subresource: "status", signal: ctx.signal },
  );
}

async function bindVolume(
  ctx: ControllerContext,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): Promise<PersistentVolume> {
  const ref = volume.spec?.claimRef;
  let current = volume;
  if (ref?.uid !== claim.metadata.uid) {
    const chosen = ref ? {} : { [BOUND_BY_CONTROLLER]: "yes" };
    current = await ctx.client.update(
      persistentVolumes,
      {
        ...volume,
        metadata: {
          ...volume.metadata,
          annotations: { ...volume.metadata.annotations, ...chosen },
        },
        spec: {
          ...volume.spec,
          claimRef: {
            kind: "PersistentVolumeClaim",
            apiVersion: "v1",
            namespace: claim.metadata.namespace,
            name: claim.metadata.name,
            uid: claim.metadata.uid,
            resourceVersion: claim.metadata.resourceVersion,
          },
        },
      },
      { signal: ctx.signal },
    );
  }
  if (current.status?.phase === "Bound") return current;
  return ctx.client.update(
    persistentVolumes,
    { ...current, status: { ...current.status, phase: "Bound" } },
    { subresource: "status", signal: ctx.signal },
  );
}
