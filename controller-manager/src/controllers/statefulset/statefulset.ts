import type { StatefulSet, StatefulSetStatus } from "@coracle/shared/api/generated/apps-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import {
  controllerRevisions,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { selectorFromObject, type Selector } from "@coracle/shared/meta/labels.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { semanticEqual } from "../../canonical.ts";
import { createExpectations, type Expectations } from "../../expectations.ts";
import { claim } from "../../ownership/claim.ts";
import { claimable, indexByController, indexByNamespace } from "../../ownership/index-by.ts";
import { keysOfOrphan } from "../../ownership/orphans.ts";
import { messageOf, namespaceTerminating, observePods } from "../../pods/control.ts";
import { nextAvailability } from "../../pods/state.ts";
import { keysOfRevision, syncHistory, templateOf, trimHistory, type History } from "../../rollout/history.ts";
import { alignOwners, ensureClaims } from "./claims.ts";
import { missingIdentity, ordinalOf, podFor, podName, revisionOf } from "./identity.ts";
import { countPods, plan, type Action, type PlanInput } from "./plan.ts";

const selectorFor = (set: StatefulSet): Selector => selectorFromObject(set.spec?.selector);

/** Runs pods with stable names and storage, one after the other. */
export function statefulSetController(): Controller {
  let expectations: Expectations;
  return defineController({
    name: "statefulset",
    for: statefulSets,
    owns: [pods],
    watches: [
      {
        resource: controllerRevisions,
        keys: (revision, old, ctx) => [
          ...keysOfRevision(revision, old, statefulSets),
          ...keysOfOrphan(revision, old, ctx.informers.for(statefulSets), selectorFor),
        ],
      },
      {
        resource: pods,
        keys: (pod, old, ctx) => keysOfOrphan(pod, old, ctx.informers.for(statefulSets), selectorFor),
      },
    ],
    setup(ctx) {
      expectations = createExpectations(() => ctx.clock.now());
      indexByController(ctx.informers.for(pods));
      indexByController(ctx.informers.for(controllerRevisions));
      indexByNamespace(ctx.informers.for(statefulSets));
      ctx.informers.for(persistentVolumeClaims);
      observePods(ctx, expectations, statefulSets);
    },
    async reconcile(key, ctx): Promise<Result> {
      const set = ctx.informers.for(statefulSets).get(key);
      if (!set) {
        expectations.forget(key);
        return undefined;
      }
      if (!expectations.settled(key)) return undefined;
      return sync(ctx, expectations, set);
    },
  });
}

async function sync(ctx: ControllerContext, expectations: Expectations, set: StatefulSet): Promise<Result> {
  const history = await syncHistory(ctx, set, statefulSets, "controller.kubernetes.io/hash");
  const selector = selectorFor(set);
  const mine = await claim(
    {
      client: ctx.client,
      signal: ctx.signal,
      owner: set,
      ownerResource: statefulSets,
      childResource: pods,
      matches: (pod) => selector.matches(pod.metadata.labels) && ordinalOf(set, pod) !== undefined,
    },
    claimable(ctx.informers.for(pods), set),
  );
  const updateRevision = history.current.metadata.name ?? "";
  const current =
    [history.current, ...history.old].find((r) => r.metadata.name === set.status?.currentRevision) ??
    history.current;
  const input: PlanInput = {
    set,
    pods: mine,
    currentRevision: current.metadata.name ?? "",
    updateRevision,
    now: ctx.clock.now(),
  };
  const templates = { current: templateOf(current), update: templateOf(history.current) };
  let failure: unknown;
  for (const action of plan(input)) {
    try {
      const wanted =
        action.kind === "create"
          ? podFor(
              set,
              templates[action.revision],
              action.revision === "current" ? input.currentRevision : updateRevision,
              action.ordinal,
            )
          : undefined;
      await act(ctx, expectations, set, action, wanted);
    } catch (error) {
      failure ??= error;
    }
  }
  if (set.metadata.deletionTimestamp === undefined)
    await repair(ctx, set, mine).catch((error: unknown) => (failure ??= error));
  await writeStatus(ctx, input, history);
  const live = new Set([...mine.map(revisionOf), input.currentRevision, updateRevision]);
  await trimHistory(ctx, history.old, live, set.spec?.revisionHistoryLimit ?? 10);
  if (failure) throw failure;
  const wait = nextAvailability(mine, set.spec?.minReadySeconds ?? 0, ctx.clock.now());
  return wait === undefined ? undefined : { requeueAfterMs: wait };
}

async function act(
  ctx: ControllerContext,
  expectations: Expectations,
  set: StatefulSet,
  action: Action,
  wanted: Pod | undefined,
): Promise<void> {
  if (action.kind === "create" && wanted) {
    await ensureClaims(ctx, set, action.ordinal);
    await createPod(ctx, expectations, set, wanted);
  } else if (action.kind === "delete") {
    if (action.why === "ended") reportEnded(ctx, set, action.pod);
    if (action.why === "scaled") await alignOwners(ctx, set, action.pod);
    await deletePod(ctx, expectations, set, action.pod);
  }
}

function reportEnded(ctx: ControllerContext, set: StatefulSet, pod: Pod): void {
  const of = `Pod ${pod.metadata.name}`;
  if (pod.status?.phase === "Failed")
    ctx.events.record(
      set,
      "Warning",
      "RecreatingFailedPod",
      `StatefulSet ${keyOf(set)} is recreating failed ${of}`,
    );
  else
    ctx.events.record(
      set,
      "Normal",
      "RecreatingTerminatedPod",
      `StatefulSet ${keyOf(set)} is recreating terminated ${of}`,
    );
}

async function createPod(
  ctx: ControllerContext,
  expectations: Expectations,
  set: StatefulSet,
  pod: Pod,
): Promise<void> {
  const what = `create Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  expectations.creating(keyOf(set), keyOf(pod));
  try {
    await ctx.client.create(pods, pod, { signal: ctx.signal });
    ctx.events.record(set, "Normal", "SuccessfulCreate", `${what} successful`);
  } catch (error) {
    // The name is fixed, so a second try cannot make a second pod.
    expectations.creationFailed(keyOf(set), keyOf(pod));
    if (namespaceTerminating(error)) return;
    ctx.events.record(set, "Warning", "FailedCreate", `${what} failed error: ${messageOf(error)}`);
    throw error;
  }
}

async function deletePod(
  ctx: ControllerContext,
  expectations: Expectations,
  set: StatefulSet,
  pod: Pod,
): Promise<void> {
  const { name = "", namespace, uid = "" } = pod.metadata;
  const what = `delete Pod ${name} in StatefulSet ${set.metadata.name}`;
  expectations.deleting(keyOf(set), uid);
  try {
    await ctx.client.delete(pods, { name, namespace }, { signal: ctx.signal, preconditions: { uid } });
    ctx.events.record(set, "Normal", "SuccessfulDelete", `${what} successful`);
  } catch (error) {
    expectations.deletionFailed(keyOf(set), uid);
    if (isNotFound(error)) return;
    ctx.events.record(set, "Warning", "FailedDelete", `${what} failed error: ${messageOf(error)}`);
    throw error;
  }
}

/** Pods keep their identity labels, those that have not started their claims, and claims the owners of the retention policy. */
async function repair(ctx: ControllerContext, set: StatefulSet, mine: readonly Pod[]): Promise<void> {
  for (const pod of mine) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    await alignOwners(ctx, set, pod);
    // A claim that was deleted before the pod could start is made again, or the pod would wait for ever.
    if (pod.status?.phase === "Pending") await ensureClaims(ctx, set, ordinal);
    const labels = missingIdentity(set, pod, ordinal);
    if (!labels) continue;
    await ctx.client.patch(
      pods,
      { name: podName(set, ordinal), namespace: set.metadata.namespace },
      { type: "strategic", body: { metadata: { uid: pod.metadata.uid, labels } } },
      { signal: ctx.signal },
    );
  }
}

function statusOf(input: PlanInput, history: History): StatefulSetStatus {
  const { set, currentRevision, updateRevision } = input;
  const counts = countPods(input);
  const nonZero = (n: number): number | undefined => (n === 0 ? undefined : n);
  const rolling = set.spec?.updateStrategy?.type !== "OnDelete";
  const wanted = set.spec?.replicas ?? 1;
  const done = rolling && counts.updated === wanted && counts.ready === wanted && counts.replicas === wanted;
  return {
    observedGeneration: set.metadata.generation,
    replicas: counts.replicas,
    readyReplicas: nonZero(counts.ready),
    availableReplicas: counts.available,
    currentReplicas: nonZero(done ? counts.updated : counts.current),
    updatedReplicas: nonZero(counts.updated),
    currentRevision: done ? updateRevision : currentRevision,
    updateRevision,
    collisionCount: history.collisionCount ?? 0,
    conditions: set.status?.conditions,
  };
}

async function writeStatus(ctx: ControllerContext, input: PlanInput, history: History): Promise<void> {
  const status = statusOf(input, history);
  if (semanticEqual(status, input.set.status)) return;
  await ctx.client.update(
    statefulSets,
    { ...input.set, status },
    { subresource: "status", signal: ctx.signal },
  );
}
