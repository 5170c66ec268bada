import type { Deployment, ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { deployments, pods, replicaSets } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import { claim } from "../../ownership/claim.ts";
import { claimable, controlledBy, indexByController, indexByNamespace } from "../../ownership/index-by.ts";
import { keysOfOrphan } from "../../ownership/orphans.ts";
import * as arithmetic from "./arithmetic.ts";
import { replicasOf } from "./arithmetic.ts";
import { findNew, surplusHistory } from "./revisions.ts";
import { activeOf, allOf, ensureCurrent, scale, writeStatus, type Rollout } from "./rollout.ts";
import { isComplete, pausedConditions, plainStatus, progressCheckIn, rolloutStatus } from "./status.ts";

const selectorFor = (d: Deployment): Selector => selectorFromObject(d.spec?.selector);

/** Rolls a Deployment's ReplicaSets from template to template. */
export const deploymentController = (): Controller =>
  defineController({
    name: "deployment",
    for: deployments,
    owns: [replicaSets],
    watches: [
      {
        resource: replicaSets,
        keys: (rs, old, ctx) => keysOfOrphan(rs, old, ctx.informers.for(deployments), selectorFor),
      },
      { resource: pods, keys: (pod, _old, ctx) => recreatedDeploymentOf(pod, ctx) },
    ],
    setup(ctx) {
      indexByController(ctx.informers.for(replicaSets));
      indexByNamespace(ctx.informers.for(deployments));
      indexByController(ctx.informers.for(pods));
    },
    async reconcile(key, ctx): Promise<Result> {
      const deployment = ctx.informers.for(deployments).get(key);
      if (!deployment) return undefined;
      if (selectorFor(deployment).isEverything) return refuseEverything(ctx, deployment);
      const mine = await claimReplicaSets(ctx, deployment);
      const current = findNew(deployment, mine);
      const rollout: Rollout = { ctx, deployment, current, old: mine.filter((rs) => rs !== current) };
      await reconcileRollout(rollout, mine);
      const wait = progressCheckIn(rollout.deployment, rollout.deployment.status ?? {}, ctx.clock.now());
      return wait === undefined ? undefined : { requeueAfterMs: wait };
    },
  });

/** A Deployment that recreates waits for the last of its old pods to be gone, which its ReplicaSets' statuses need not show. */
function recreatedDeploymentOf(pod: KubeObject, ctx: ControllerContext): string[] {
  const ref = controllerOf(pod);
  if (ref?.kind !== replicaSets.kind) return [];
  const { namespace } = pod.metadata;
  const rs = ctx.informers.for(replicaSets).get(`${namespace}/${ref.name}`);
  const owner = rs && controllerOf(rs);
  const key = `${namespace}/${owner?.name}`;
  const deployment = owner && ctx.informers.for(deployments).get(key);
  return deployment && !arithmetic.isRolling(deployment) ? [key] : [];
}

async function reconcileRollout(r: Rollout, mine: readonly ReplicaSet[]): Promise<void> {
  const now = r.ctx.clock.now();
  if (r.deployment.metadata.deletionTimestamp !== undefined)
    return writeStatus(r, plainStatus(r.deployment, r.current, mine, now));
  const paused = pausedConditions(r.deployment, now);
  if (paused) await writeStatus(r, { ...r.deployment.status, conditions: paused });
  if (r.deployment.spec?.paused || sizeChanged(r.deployment, mine)) return scaleOnly(r);
  return arithmetic.isRolling(r.deployment) ? roll(r) : recreate(r);
}

async function refuseEverything(ctx: ControllerContext, d: Deployment): Promise<undefined> {
  ctx.events.record(
    d,
    "Warning",
    "SelectingAll",
    "This deployment is selecting all pods. A non-empty selector is required.",
  );
  const observedGeneration = d.metadata.generation;
  if ((d.status?.observedGeneration ?? 0) < (observedGeneration ?? 0))
    await ctx.client.update(
      deployments,
      { ...d, status: { ...d.status, observedGeneration } },
      { subresource: "status", signal: ctx.signal },
    );
  return undefined;
}

const claimReplicaSets = (ctx: ControllerContext, d: Deployment): Promise<ReplicaSet[]> => {
  const selector = selectorFor(d);
  return claim(
    {
      client: ctx.client,
      signal: ctx.signal,
      owner: d,
      ownerResource: deployments,
      childResource: replicaSets,
      matches: (rs) => selector.matches(rs.metadata.labels),
    },
    claimable(ctx.informers.for(replicaSets), d),
  );
};

/** Some active ReplicaSet was sized for another number of replicas than are asked for now. */
const sizeChanged = (d: Deployment, sets: readonly ReplicaSet[]): boolean =>
  activeOf(sets).some((rs) => {
    const desired = rs.metadata.annotations?.[arithmetic.DESIRED_REPLICAS];
    return desired !== undefined && Number(desired) !== replicasOf(d);
  });

/** Paused, or scaled in the middle of a rollout: sizes change, the rollout does not move. */
async function scaleOnly(r: Rollout): Promise<void> {
  await ensureCurrent(r, false);
  const d = r.deployment;
  const active = activeOf(allOf(r));
  const only = active.length === 1 ? active[0] : active.length === 0 ? newest(r) : undefined;
  if (only) await scale(r, only, replicasOf(d));
  else if (arithmetic.isSaturated(d, r.current)) for (const rs of activeOf(r.old)) await scale(r, rs, 0);
  else if (arithmetic.isRolling(d)) {
    const sizes = arithmetic.proportionalSizes(d, active);
    for (const rs of active) await scale(r, rs, sizes.get(rs.metadata.name ?? "") ?? replicasOf(rs));
  }
  if (d.spec?.paused) await cleanUp(r);
  await writeStatus(r, plainStatus(r.deployment, r.current, allOf(r), r.ctx.clock.now()));
}

const newest = (r: Rollout): ReplicaSet | undefined =>
  r.current ?? r.old.toSorted(arithmetic.oldestFirst).at(-1);

/** A rolling update: grow the new ReplicaSet as far as the surge allows, else shrink the old ones as far as availability allows. */
async function roll(r: Rollout): Promise<void> {
  await ensureCurrent(r, true);
  if (!(await growCurrent(r)) && !(await shrinkOld(r))) {
    if (isComplete(r.deployment, r.deployment.status)) await cleanUp(r);
  }
  await writeStatus(r, rolloutStatus(r.deployment, r.current, allOf(r), r.ctx.clock.now()));
}

async function growCurrent(r: Rollout): Promise<boolean> {
  if (!r.current) return false;
  const before = replicasOf(r.current);
  const wanted =
    before > replicasOf(r.deployment)
      ? replicasOf(r.deployment)
      : arithmetic.newReplicaSetSize(r.deployment, allOf(r), before);
  if (wanted === before) return false;
  await scale(r, r.current, wanted);
  return true;
}

async function shrinkOld(r: Rollout): Promise<boolean> {
  const sizes = arithmetic.shrinkOld(r.deployment, r.current, activeOf(r.old));
  for (const rs of r.old.toSorted(arithmetic.oldestFirst)) {
    const size = sizes.get(rs.metadata.name ?? "");
    if (size !== undefined) await scale(r, rs, size);
  }
  return sizes.size > 0;
}

/** Recreate: every old pod is gone before the first new one is made. */
async function recreate(r: Rollout): Promise<void> {
  await ensureCurrent(r, false);
  const shrinking = activeOf(r.old);
  for (const rs of shrinking) await scale(r, rs, 0);
  if (shrinking.length === 0 && !oldPodsRun(r)) {
    await ensureCurrent(r, true);
    if (r.current) await scale(r, r.current, replicasOf(r.deployment));
    if (isComplete(r.deployment, r.deployment.status)) await cleanUp(r);
  }
  await writeStatus(r, rolloutStatus(r.deployment, r.current, allOf(r), r.ctx.clock.now()));
}

const oldPodsRun = (r: Rollout): boolean =>
  r.old.some((rs) =>
    controlledBy(r.ctx.informers.for(pods), rs.metadata.uid ?? "").some((pod) => !isTerminal(pod)),
  );

async function cleanUp(r: Rollout): Promise<void> {
  for (const rs of surplusHistory(r.deployment, r.old)) {
    const { name = "", namespace, uid, resourceVersion } = rs.metadata;
    await r.ctx.client
      .delete(
        replicaSets,
        { name, namespace },
        { signal: r.ctx.signal, preconditions: { uid, resourceVersion } },
      )
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}
