import type { Node, PersistentVolume, PersistentVolumeClaim } from "@coracle/shared/api/generated/core-v1.ts";
import type { StorageClass } from "@coracle/shared/api/generated/storage-v1.ts";
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
} from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists } from "@coracle/shared/errors.ts";
import { messageOf } from "../../pods/control.ts";
import { PROVISIONER, SELECTED_NODE } from "./binder.ts";
import { classOf } from "./match.ts";

/** Makes volumes in the storage of a node: a directory of its own, which the kubelet creates when the volume is first used. */

export const LOCAL_PROVISIONER = "coracle.io/local";
export const PROVISIONED_BY = "pv.kubernetes.io/provisioned-by";
export const VOLUMES = "/var/lib/coracle/volumes";
/** Holds a volume, even one that somebody deletes, until its data is gone (KEP-2644). */
export const HELD = "external-provisioner.volume.kubernetes.io/finalizer";
const HOSTNAME = "kubernetes.io/hostname";

export const localProvisioner = (): Controller =>
  defineController({
    name: "local-provisioner",
    for: persistentVolumeClaims,
    setup(ctx) {
      ctx.informers.for(nodes);
      ctx.informers.for(persistentVolumes);
      ctx.informers.for(storageClasses);
    },
    async reconcile(key, ctx): Promise<Result> {
      const claim = ctx.informers.for(persistentVolumeClaims).get(key);
      if (!claim || claim.spec?.volumeName || claim.metadata.deletionTimestamp !== undefined) return;
      if (claim.metadata.annotations?.[PROVISIONER] !== LOCAL_PROVISIONER) return;
      const cls = ctx.informers.for(storageClasses).get(classOf(claim));
      if (cls?.provisioner !== LOCAL_PROVISIONER) return;
      if (ctx.informers.for(persistentVolumes).get(volumeNameOf(claim))) return;
      const node = await chooseNode(ctx, claim, cls);
      if (node) await provision(ctx, claim, cls, node);
    },
  });

const volumeNameOf = (claim: PersistentVolumeClaim): string => `pvc-${claim.metadata.uid}`;

/** The node the scheduler chose. For immediate binding the ready node with the fewest volumes of ours. */
async function chooseNode(
  ctx: ControllerContext,
  claim: PersistentVolumeClaim,
  cls: StorageClass,
): Promise<Node | undefined> {
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  if (selected !== undefined) {
    const node = ctx.informers.for(nodes).get(selected);
    if (!node) await giveBack(ctx, claim, `node "${selected}" not found`);
    return node;
  }
  if (cls.volumeBindingMode === "WaitForFirstConsumer") return undefined;
  const count = new Map<string, number>();
  for (const volume of ctx.informers.for(persistentVolumes).list()) {
    const node = nodeOf(volume);
    if (node !== undefined) count.set(node, (count.get(node) ?? 0) + 1);
  }
  const load = (n: Node): number => count.get(hostnameOf(n)) ?? 0;
  const ready = [...ctx.informers.for(nodes).list()].filter(
    (n) =>
      !n.spec?.unschedulable && n.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"),
  );
  if (ready.length === 0) throw new Error("no node is ready to hold the volume");
  return ready.toSorted((a, b) => load(a) - load(b))[0];
}

export const hostnameOf = (node: Node): string =>
  node.metadata.labels?.[HOSTNAME] ?? node.metadata.name ?? "";

/** The host name of the node a volume of ours lives on. */
export const nodeOf = (volume: PersistentVolume): string | undefined =>
  volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER
    ? volume.spec?.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values?.[0]
    : undefined;

/** Taking the choice back makes the scheduler choose again. */
async function giveBack(ctx: ControllerContext, claim: PersistentVolumeClaim, why: string): Promise<void> {
  const { name = "", namespace } = claim.metadata;
  ctx.events.record(
    claim,
    "Warning",
    "ProvisioningFailed",
    `failed to provision volume with StorageClass "${classOf(claim)}": ${why}`,
  );
  await ctx.client.patch(
    persistentVolumeClaims,
    { name, namespace },
    { type: "merge", body: { metadata: { annotations: { [SELECTED_NODE]: null } } } },
    { signal: ctx.signal },
  );
}

/** The volume for a claim on a node. Pure. */
export function volumeFor(claim: PersistentVolumeClaim, cls: StorageClass, node: Node): PersistentVolume {
  const name = volumeNameOf(claim);
  const { metadata, spec } = claim;
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER }, finalizers: [HELD] },
    spec: {
      capacity: { storage: spec?.resources?.requests?.["storage"] ?? "1Gi" },
      accessModes: spec?.accessModes,
      volumeMode: spec?.volumeMode ?? "Filesystem",
      storageClassName: cls.metadata.name,
      persistentVolumeReclaimPolicy: cls.reclaimPolicy ?? "Delete",
      ...(cls.mountOptions ? { mountOptions: cls.mountOptions } : {}),
      hostPath: { path: `${VOLUMES}/${name}`, type: "DirectoryOrCreate" },
      claimRef: {
        kind: "PersistentVolumeClaim",
        apiVersion: "v1",
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: HOSTNAME, operator: "In", values: [hostnameOf(node)] }] },
          ],
        },
      },
    },
  };
}

/** What cannot be asked of a directory on a node. Pure. */
function refusal({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec?.selector) return "claim Selector is not supported";
  if (spec?.volumeMode === "Block") return "block volumes are not supported";
  const source = spec?.dataSourceRef ?? spec?.dataSource;
  if (source) return `a volume cannot be made from the ${source.kind} "${source.name}"`;
  return spec?.volumeAttributesClassName
    ? `the VolumeAttributesClass "${spec.volumeAttributesClassName}" is not supported`
    : undefined;
}

async function provision(
  ctx: ControllerContext,
  claim: PersistentVolumeClaim,
  cls: StorageClass,
  node: Node,
): Promise<void> {
  const fail = (why: string): void =>
    ctx.events.record(
      claim,
      "Warning",
      "ProvisioningFailed",
      `failed to provision volume with StorageClass "${classOf(claim)}": ${why}`,
    );
  const why = refusal(claim);
  if (why !== undefined) return fail(why);
  const { namespace, name } = claim.metadata;
  const begun = `External provisioner is provisioning volume for claim "${namespace}/${name}"`;
  ctx.events.record(claim, "Normal", "Provisioning", begun);
  const volume = volumeFor(claim, cls, node);
  try {
    await ctx.client.create(persistentVolumes, volume, { signal: ctx.signal });
    const done = `Successfully provisioned volume ${volume.metadata.name}`;
    ctx.events.record(claim, "Normal", "ProvisioningSucceeded", done);
  } catch (error) {
    if (isAlreadyExists(error)) return;
    fail(messageOf(error));
    throw error;
  }
}
