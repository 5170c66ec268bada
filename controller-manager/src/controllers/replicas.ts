import type { Pod, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { LabelSelector, ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import { pods, type Resource } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { isPodActive } from "@coracle/shared/meta/pods.ts";
import { semanticEqual } from "../canonical.ts";
import { createExpectations, type Expectations } from "../expectations.ts";
import { claim } from "../ownership/claim.ts";
import { claimable, controlledBy, indexByController, indexByNamespace } from "../ownership/index-by.ts";
import { keysOfOrphan } from "../ownership/orphans.ts";
import { createPod, deletePod, messageOf, observePods, podFromTemplate } from "../pods/control.ts";
import { choosePodsToDelete } from "../pods/rank.ts";
import { isTerminating, nextAvailability } from "../pods/state.ts";
import { slowStart } from "../slow-start.ts";
import { replicaStatus, type ReplicaStatus } from "./replica-status.ts";

/** What a ReplicaSet and a ReplicationController have in common. */
export interface Replicated {
  metadata: ObjectMeta;
  spec?:
    | {
        replicas?: number | undefined;
        minReadySeconds?: number | undefined;
        template?: PodTemplateSpec | undefined;
      }
    | undefined;
  status?: ReplicaStatus | undefined;
}

export interface ReplicaKind<T extends Replicated> {
  readonly name: string;
  readonly resource: Resource<T>;
  readonly selector: (object: T) => LabelSelector | undefined;
  /** ReplicationControllers do not report terminating pods. */
  readonly reportsTerminating: boolean;
}

/** At most this many pods are created or deleted in one go. */
const BURST = 500;

/** Keeps the number of matching pods at `spec.replicas`: the controller of ReplicaSets and of ReplicationControllers. */
export function replicaController<T extends Replicated>(kind: ReplicaKind<T>): Controller {
  let expectations: Expectations;
  const selectorFor = (object: T): Selector => selectorFromObject(kind.selector(object));
  return defineController({
    name: kind.name,
    for: kind.resource,
    owns: [pods],
    watches: [
      {
        resource: pods,
        keys: (pod, old, ctx) =>
          keysOfOrphan(pod, old, ctx.informers.for(kind.resource), (o) => selectorFor(o)),
      },
    ],
    setup(ctx) {
      expectations = createExpectations(() => ctx.clock.now());
      indexByController(ctx.informers.for(pods));
      indexByController(ctx.informers.for(kind.resource));
      indexByNamespace(ctx.informers.for(kind.resource));
      observePods(ctx, expectations, kind.resource);
    },
    async reconcile(key, ctx): Promise<Result> {
      const object = ctx.informers.for(kind.resource).get(key);
      if (!object) {
        expectations.forget(key);
        return undefined;
      }
      const selector = selectorFor(object);
      const settled = expectations.settled(key);
      const mine = await claim(
        {
          client: ctx.client,
          signal: ctx.signal,
          owner: object,
          ownerResource: kind.resource,
          childResource: pods,
          matches: (pod) => selector.matches(pod.metadata.labels),
        },
        claimable(ctx.informers.for(pods), object).filter(
          (pod) => isPodActive(pod) || controllerOf(pod) !== undefined,
        ),
      );
      const active = mine.filter(isPodActive);
      let failure: { readonly error: unknown; readonly creating: boolean } | undefined;
      if (settled && object.metadata.deletionTimestamp === undefined) {
        const difference = active.length - (object.spec?.replicas ?? 1);
        await manage(kind, expectations, ctx, { key, object, active, difference }).catch((error: unknown) => {
          failure = { error, creating: difference < 0 };
        });
      }
      await writeStatus(kind, ctx, object, mine, failure);
      if (failure) throw failure.error;
      const wait = nextAvailability(active, object.spec?.minReadySeconds ?? 0, ctx.clock.now());
      return wait === undefined ? undefined : { requeueAfterMs: wait };
    },
  });
}

interface Managed<T> {
  readonly key: string;
  readonly object: T;
  readonly active: readonly Pod[];
  readonly difference: number;
}

async function manage<T extends Replicated>(
  kind: ReplicaKind<T>,
  expectations: Expectations,
  ctx: ControllerContext,
  { key, object, active, difference }: Managed<T>,
): Promise<void> {
  const owner = { key, object: object as unknown as KubeObject, resource: kind.resource };
  if (difference < 0) {
    await slowStart(
      Math.min(-difference, BURST),
      async () => {
        await createPod(ctx, expectations, owner, podFromTemplate(object.spec?.template, owner));
      },
      ctx.signal,
    );
  } else if (difference > 0) {
    const victims = choosePodsToDelete(
      active,
      familyOf(kind, ctx, object),
      Math.min(difference, BURST),
      ctx.clock.now(),
    );
    const results = await Promise.allSettled(victims.map((pod) => deletePod(ctx, expectations, owner, pod)));
    const failed = results.find((r) => r.status === "rejected");
    if (failed) throw failed.reason;
  }
}

/** The active pods of all siblings of `object` (of one Deployment), which crowd nodes together. */
function familyOf<T extends Replicated>(kind: ReplicaKind<T>, ctx: ControllerContext, object: T): Pod[] {
  const uid = controllerOf(object)?.uid;
  const siblings = uid === undefined ? [object] : controlledBy(ctx.informers.for(kind.resource), uid);
  return siblings.flatMap((s) =>
    controlledBy(ctx.informers.for(pods), s.metadata.uid ?? "").filter(isPodActive),
  );
}

async function writeStatus<T extends Replicated>(
  kind: ReplicaKind<T>,
  ctx: ControllerContext,
  object: T,
  mine: readonly Pod[],
  failure: { readonly error: unknown; readonly creating: boolean } | undefined,
): Promise<void> {
  const status = replicaStatus({
    old: object.status,
    generation: object.metadata.generation,
    templateLabels: object.spec?.template?.metadata?.labels,
    minReadySeconds: object.spec?.minReadySeconds ?? 0,
    active: mine.filter(isPodActive),
    terminating: kind.reportsTerminating ? mine.filter(isTerminating).length : undefined,
    failure: failure && {
      reason: failure.creating ? "FailedCreate" : "FailedDelete",
      message: messageOf(failure.error),
    },
    now: ctx.clock.now(),
  });
  if (semanticEqual(status, object.status)) return;
  await ctx.client.update(
    kind.resource,
    { ...object, status },
    { subresource: "status", signal: ctx.signal },
  );
  ctx.log.debug({ controller: kind.name, key: keyOf(object), replicas: status.replicas }, "status written");
}
