import type { DaemonSet, DaemonSetStatus } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { controllerRevisions, daemonSets, nodes, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { isPodAvailable, isPodReady } from "@coracle/shared/meta/pods.ts";
import { semanticEqual } from "../../canonical.ts";
import { createExpectations, type Expectations } from "../../expectations.ts";
import { claim } from "../../ownership/claim.ts";
import { claimable, indexByController, indexByNamespace } from "../../ownership/index-by.ts";
import { keysOfOrphan } from "../../ownership/orphans.ts";
import { createPod, deletePod, observePods, podFromTemplate } from "../../pods/control.ts";
import { nextAvailability } from "../../pods/state.ts";
import {
  hashLabelOf,
  keysOfRevision,
  syncHistory,
  trimHistory,
  type History,
} from "../../rollout/history.ts";
import { slowStart } from "../../slow-start.ts";
import { createBackoff, type Backoff } from "../../backoff.ts";
import { mergeDuplicates } from "./duplicates.ts";
import { placementOn, targetNode, templateFor } from "./placement.ts";
import { byAge, isCurrent, rollingChanges, surplusOn, type Changes } from "./rolling.ts";

const BURST = 250;
const selectorFor = (ds: DaemonSet): Selector => selectorFromObject(ds.spec?.selector);

interface State {
  readonly expectations: Expectations;
  /** Nodes where a daemon pod failed: it is not replaced in a tight loop. */
  readonly failures: Backoff;
}

/** Runs one pod of a DaemonSet on every node it belongs to. */
export function daemonSetController(): Controller {
  let state: State;
  return defineController({
    name: "daemonset",
    for: daemonSets,
    owns: [pods],
    watches: [
      {
        resource: pods,
        keys: (pod, old, ctx) => keysOfOrphan(pod, old, ctx.informers.for(daemonSets), selectorFor),
      },
      {
        resource: controllerRevisions,
        keys: (revision, old, ctx) => [
          ...keysOfRevision(revision, old, daemonSets),
          ...keysOfOrphan(revision, old, ctx.informers.for(daemonSets), selectorFor),
        ],
      },
      { resource: nodes, keys: (node, old, ctx) => daemonSetsTouched(node, old, ctx) },
    ],
    setup(ctx) {
      const now = (): number => ctx.clock.now();
      state = {
        expectations: createExpectations(now),
        failures: createBackoff({ firstMs: 1000, maxMs: 15 * 60_000, now }),
      };
      indexByController(ctx.informers.for(pods));
      indexByController(ctx.informers.for(controllerRevisions));
      indexByNamespace(ctx.informers.for(daemonSets));
      observePods(ctx, state.expectations, daemonSets);
    },
    async reconcile(key, ctx): Promise<Result> {
      const ds = ctx.informers.for(daemonSets).get(key);
      if (!ds) {
        state.expectations.forget(key);
        return undefined;
      }
      if (selectorFor(ds).isEverything) {
        ctx.events.record(
          ds,
          "Warning",
          "SelectingAll",
          "This daemon set is selecting all pods. A non-empty selector is required.",
        );
        return undefined;
      }
      if (ds.metadata.deletionTimestamp !== undefined) return undefined;
      return sync(ctx, state, ds, key);
    },
  });
}

/** A node change concerns the DaemonSets whose pods belong on the node before or after, unless it changes nothing for them. */
function daemonSetsTouched(node: KubeObject, old: KubeObject | undefined, ctx: ControllerContext): string[] {
  const all = [...ctx.informers.for(daemonSets).list()];
  if (!old) return all.map((ds) => keyOf(ds));
  const [after, before] = [node as Node, old as Node];
  if (
    semanticEqual(after.metadata.labels, before.metadata.labels) &&
    semanticEqual(after.spec?.taints, before.spec?.taints)
  )
    return [];
  return all
    .filter((ds) => !semanticEqual(placementOn(ds, after), placementOn(ds, before)))
    .map((ds) => keyOf(ds));
}

async function sync(ctx: ControllerContext, state: State, ds: DaemonSet, key: string): Promise<Result> {
  const found = await syncHistory(ctx, ds, daemonSets);
  const hash = hashLabelOf(found.current);
  const selector = selectorFor(ds);
  const mine = await claim(
    {
      client: ctx.client,
      signal: ctx.signal,
      owner: ds,
      ownerResource: daemonSets,
      childResource: pods,
      matches: (pod) => selector.matches(pod.metadata.labels),
    },
    claimable(ctx.informers.for(pods), ds),
  );
  const { history, pods: relabelled } = await mergeDuplicates(ctx, found, mine);
  const view = viewOf(ctx, ds, relabelled, hash);
  const waits: number[] = [];
  let failure: unknown;
  if (state.expectations.settled(key)) {
    try {
      await apply(ctx, state.expectations, view, key, manageChanges(ctx, state, view, waits));
      if (state.expectations.settled(key) && ds.spec?.updateStrategy?.type !== "OnDelete")
        await apply(ctx, state.expectations, view, key, rollingChanges({ ...view, now: ctx.clock.now() }));
    } catch (error) {
      failure = error;
    }
    await cleanUp(ctx, ds, mine, history);
  }
  await writeStatus(ctx, view, history);
  if (failure) throw failure;
  const next = nextAvailability(mine, ds.spec?.minReadySeconds ?? 0, ctx.clock.now());
  if (next !== undefined) waits.push(next);
  return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : undefined;
}

/** One DaemonSet, the nodes and its pods on them, as one reconcile sees them. */
interface View {
  readonly ds: DaemonSet;
  readonly hash: string;
  readonly placements: ReadonlyMap<string, { readonly run: boolean; readonly stay: boolean }>;
  readonly desired: number;
  /** Includes every node where a pod belongs, with no pods if there are none. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
}

function viewOf(ctx: ControllerContext, ds: DaemonSet, mine: readonly Pod[], hash: string): View {
  const placements = new Map(
    [...ctx.informers.for(nodes).list()].map((n) => [n.metadata.name ?? "", placementOn(ds, n)] as const),
  );
  const byNode = new Map<string, Pod[]>();
  for (const pod of mine) {
    const node = targetNode(pod);
    const list = byNode.get(node);
    if (list) list.push(pod);
    else byNode.set(node, [pod]);
  }
  let desired = 0;
  for (const [name, placement] of placements) {
    if (!placement.run) continue;
    desired += 1;
    if (!byNode.has(name)) byNode.set(name, []);
  }
  return { ds, hash, placements, desired, pods: byNode };
}

/** One pod on every node where one belongs, none elsewhere; failed ones are replaced. */
function manageChanges(ctx: ControllerContext, state: State, view: View, waits: number[]): Changes {
  const create: string[] = [];
  const remove: Pod[] = [];
  for (const [node, onNode] of view.pods) {
    const placement = view.placements.get(node);
    const alive = onNode.filter((p) => p.metadata.deletionTimestamp === undefined);
    if (!placement) {
      // The node is gone. Pods bound to it are the pod collector's; unbound ones can never start.
      remove.push(...alive.filter((p) => !p.spec?.nodeName));
    } else if (placement.run && onNode.length === 0) create.push(node);
    else if (!placement.stay) remove.push(...alive);
    else {
      const running = alive.filter((p) => p.status?.phase !== "Failed" && p.status?.phase !== "Succeeded");
      remove.push(...ended(ctx, state, view, alive, node, waits));
      remove.push(...surplusOn(running, { ...view, now: ctx.clock.now() }));
    }
  }
  return { create, remove };
}

function ended(
  ctx: ControllerContext,
  state: State,
  view: View,
  alive: readonly Pod[],
  node: string,
  waits: number[],
): Pod[] {
  const remove: Pod[] = [];
  for (const pod of alive) {
    const name = `${pod.metadata.namespace}/${pod.metadata.name} on node ${node}`;
    if (pod.status?.phase === "Failed") {
      const wait = state.failures.wait(`${view.ds.metadata.uid}/${node}`);
      if (wait > 0) {
        waits.push(wait);
        continue;
      }
      state.failures.next(`${view.ds.metadata.uid}/${node}`);
      ctx.events.record(
        view.ds,
        "Warning",
        "FailedDaemonPod",
        `Found failed daemon pod ${name}, will try to kill it`,
      );
      remove.push(pod);
    } else if (pod.status?.phase === "Succeeded") {
      ctx.events.record(
        view.ds,
        "Normal",
        "SucceededDaemonPod",
        `Found succeeded daemon pod ${name}, will try to delete it`,
      );
      remove.push(pod);
    }
  }
  return remove;
}

async function apply(
  ctx: ControllerContext,
  expectations: Expectations,
  view: View,
  key: string,
  changes: Changes,
): Promise<void> {
  const owner = { key, object: view.ds, resource: daemonSets };
  const create = changes.create.slice(0, BURST);
  const deletions = changes.remove.slice(0, BURST).map((pod) => deletePod(ctx, expectations, owner, pod));
  const results = await Promise.allSettled([
    slowStart(
      create.length,
      async (i) => {
        const template = templateFor(view.ds, create[i] ?? "", view.hash);
        await createPod(ctx, expectations, owner, podFromTemplate(template, owner));
      },
      ctx.signal,
    ),
    ...deletions,
  ]);
  const failed = results.find((r) => r.status === "rejected");
  if (failed) throw failed.reason;
}

async function cleanUp(
  ctx: ControllerContext,
  ds: DaemonSet,
  mine: readonly Pod[],
  history: History,
): Promise<void> {
  const live = new Set(mine.map((p) => p.metadata.labels?.["controller-revision-hash"] ?? ""));
  await trimHistory(ctx, history.old, live, ds.spec?.revisionHistoryLimit ?? 10);
}

function statusOf(ctx: ControllerContext, view: View, history: History): DaemonSetStatus {
  const { ds } = view;
  const status = { current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 };
  for (const [node, onNode] of view.pods) {
    const placement = view.placements.get(node);
    const pod = onNode.toSorted(byAge)[0];
    if (!pod || !placement) continue;
    if (!placement.run) {
      status.misscheduled += 1;
      continue;
    }
    status.current += 1;
    if (isPodReady(pod)) status.ready += 1;
    if (isPodAvailable(pod, ds.spec?.minReadySeconds ?? 0, ctx.clock.now())) status.available += 1;
    if (isCurrent(pod, view.hash)) status.updated += 1;
  }
  const nonZero = (n: number): number | undefined => (n === 0 ? undefined : n);
  return {
    currentNumberScheduled: status.current,
    numberMisscheduled: status.misscheduled,
    desiredNumberScheduled: view.desired,
    numberReady: status.ready,
    observedGeneration: ds.metadata.generation,
    updatedNumberScheduled: nonZero(status.updated),
    numberAvailable: nonZero(status.available),
    numberUnavailable: nonZero(view.desired - status.available),
    collisionCount: history.collisionCount,
    conditions: ds.status?.conditions,
  };
}

async function writeStatus(ctx: ControllerContext, view: View, history: History): Promise<void> {
  const status = statusOf(ctx, view, history);
  if (semanticEqual(status, view.ds.status)) return;
  await ctx.client.update(daemonSets, { ...view.ds, status }, { subresource: "status", signal: ctx.signal });
}
