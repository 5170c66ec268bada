import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
} from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { readScaleOrNothing } from "../../scale.ts";

interface Owner {
  readonly ref: OwnerReference;
  readonly namespace: string;
  /** One of its pods, for the message when there is no such owner. */
  readonly pod: string;
}

/**
 * The replicas that the pods' controllers ask for together; a ReplicaSet of a Deployment stands for the Deployment. Pods nobody
 * controls do not count.
 * @throws Error when a controller is gone or has no scale
 */
export async function scaleOf(ctx: ControllerContext, selected: readonly Pod[]): Promise<number> {
  const owners = new Map<string, Owner>();
  for (const { metadata } of selected) {
    const ref = controllerOf({ metadata });
    if (ref) owners.set(ref.uid, { ref, namespace: metadata.namespace ?? "", pod: metadata.name ?? "" });
  }
  const scales = new Map<string, number>();
  for (const owner of owners.values()) {
    const found = deploymentOf(ctx, owner) ?? (await controllerWithScale(ctx, owner));
    scales.set(found.uid, found.replicas);
  }
  return [...scales.values()].reduce((a, b) => a + b, 0);
}

interface Scaled {
  readonly uid: string;
  readonly replicas: number;
}

function deploymentOf(ctx: ControllerContext, { ref, namespace }: Owner): Scaled | undefined {
  if (ref.kind !== "ReplicaSet") return undefined;
  const set = ctx.informers.for(replicaSets).get(`${namespace}/${ref.name}`);
  const parent = set && controllerOf(set);
  if (parent?.kind !== "Deployment") return undefined;
  const deployment = ctx.informers.for(deployments).get(`${namespace}/${parent.name}`);
  return { uid: parent.uid, replicas: deployment?.spec?.replicas ?? set?.spec?.replicas ?? 0 };
}

async function controllerWithScale(ctx: ControllerContext, owner: Owner): Promise<Scaled> {
  const { ref, namespace, pod } = owner;
  const cached = cachedController(ctx, ref, `${namespace}/${ref.name}`);
  if (cached?.metadata.uid === ref.uid) return { uid: ref.uid, replicas: cached.spec?.replicas ?? 0 };
  const found = await readScaleOrNothing(ctx.client, ref, namespace, ctx.signal);
  if (found?.scale.metadata.uid !== ref.uid)
    throw new Error(`found no controllers for pod ${JSON.stringify(pod)}`);
  return { uid: ref.uid, replicas: found.scale.spec?.replicas ?? 0 };
}

function cachedController(ctx: ControllerContext, { kind }: OwnerReference, key: string) {
  switch (kind) {
    case "ReplicaSet":
      return ctx.informers.for(replicaSets).get(key);
    case "StatefulSet":
      return ctx.informers.for(statefulSets).get(key);
    case "ReplicationController":
      return ctx.informers.for(replicationControllers).get(key);
    default:
      return undefined;
  }
}
