/** The pods of this node: which there are, who works on them, and what is left of those that are no more. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { isTerminal, podRequests } from "@coracle/shared/meta/pods.ts";
import { LABEL, nodeLabels } from "./container/names.ts";
import { messagePlace } from "./container/build.ts";
import type { KubeletContext } from "./context.ts";
import { unwatchHealth, watchHealth } from "./lifecycle/health.ts";
import { userOf } from "./lifecycle/process-user.ts";
import { lastLines, readStart } from "./lifecycle/last-words.ts";
import { podStartDuration } from "./metrics.ts";
import { attemptOf } from "./plan/plan.ts";
import {
  containersOf,
  createPodRun,
  isEnding,
  notifyChange,
  type PodRun,
  type StopOrder,
  type Verdict,
} from "./pod.ts";
import { startPodWorker, type PodWorker } from "./pod-worker.ts";
import type { RuntimeContainer } from "./runtime/runtime.ts";
import { factsOf, statusOf } from "./status/facts.ts";

export interface PodManager {
  /** A pod bound to this node, new or changed. */
  setPod(pod: Pod, source?: "api" | "static"): void;
  /** The API has it no more. */
  removePod(uid: string): void;
  /** Everything is listed: what the engine runs for pods that do not exist is ended. */
  removeOrphans(): Promise<void>;
  /** Ends a pod by the node's decision. */
  evict(uid: string, verdict: Verdict, graceSeconds: number): boolean;
  /** Where the status of a static pod is shown. */
  setMirrors(mirrorOf: (pod: Pod) => Pod | undefined): void;
  get(uid: string): PodRun | undefined;
  runs(): Iterable<PodRun>;
  /** Something the pod refers to changed. */
  wake(uid: string): void;
  /** Resolves when no task of any pod runs; for a clean stop. */
  idle(): Promise<void>;
}

interface Entry {
  readonly run: PodRun;
  readonly worker: PodWorker;
}
const MESSAGE_MAX = 4096;
const DEFAULT_GRACE_SECONDS = 30;
const FORCED_GRACE_SECONDS = 1;

export function createPodManager(ctx: KubeletContext): PodManager {
  const entries = new Map<string, Entry>();
  /** Deleted by us; the API's own news of that is still on its way. */
  const finished = new Set<string>();

  let mirrorOf: (pod: Pod) => Pod | undefined = () => undefined;

  const publish = (run: PodRun): void => {
    if (run.source === "orphan" || run.gone) return;
    const shown = run.source === "static" ? mirrorOf(run.pod) : run.pod;
    if (!shown) return;
    const status = statusOf(run);
    const before = ctx.statuses.current(run.uid) ?? shown.status;
    if (status.phase === "Running" && before?.phase === "Pending")
      podStartDuration.observe((ctx.steady() - run.activeSince) / 1000);
    ctx.statuses.set(shown, status);
  };
  const start = (pod: Pod, source: PodRun["source"]): Entry => {
    const uid = pod.metadata.uid ?? "";
    let worker: PodWorker | undefined;
    const run: PodRun = createPodRun({
      pod,
      source,
      ctx,
      wake: () => worker?.wake(),
      publish: () => publish(run),
    });
    for (const container of ctx.engine.ofPod(uid)) adopt(run, container);
    applyOrders(run);
    worker = startPodWorker(run);
    const entry: Entry = { run, worker };
    entries.set(uid, entry);
    entry.worker.done.then(
      () => finish(entry),
      (error: unknown) => ctx.log.error({ err: error }, "a pod's worker ended"),
    );
    return entry;
  };
  const finish = ({ run }: Entry): void => {
    if (ctx.signal.aborted) return;
    entries.delete(run.uid);
    if (!run.gone) finished.add(run.uid);
    run.ending.abort();
    notifyChange(run);
    for (const health of run.health.values()) health.stop();
    ctx.statuses.forget(run.uid);
    ctx.images.forget(run.uid);
    ctx.restarts.forget(`${run.uid}/`);
    ctx.references.release(run.uid);
    ctx.tokens.forget(run.uid);
    ctx.probeMetrics.forget(run.uid);
    retryResizes();
  };
  /** There is more room now: resizes that waited for it are looked at again. */
  const retryResizes = (): void => {
    for (const { run, worker } of entries.values()) if (run.resize) worker.wake(true);
  };

  /** A container the engine has: seen for the first time, or changed. */
  const adopt = (run: PodRun, instance: RuntimeContainer): void => {
    const before = run.instances.get(instance.id);
    run.instances.set(instance.id, instance);
    run.removed.delete(instance.id);
    if (instance.labels[LABEL.type] === "sandbox") return;
    const name = instance.labels[LABEL.container] ?? "";
    const container = containersOf(run.pod).find((c) => c.spec.name === name);
    if (instance.state === "running" && !run.users.has(instance.id) && ctx.storage.rootOf(instance.pid)) {
      const user = userOf(instance.pid);
      if (user) run.users.set(instance.id, user);
    }
    if (instance.state === "running" && container && !run.started.has(instance.id)) {
      const { before: known } = factsOf(run, container);
      const started = known?.started === true;
      watchHealth(run, container, instance, { started, ready: known?.ready === true });
    }
    if (instance.state !== "exited") return;
    unwatchHealth(run, instance.id);
    if (before?.state !== "exited") readLastWords(run, instance);
  };
  /** The message file is read at once, so that the first status of the end has it. */
  const readLastWords = (run: PodRun, instance: RuntimeContainer): void => {
    const name = instance.labels[LABEL.container] ?? "";
    const spec = containersOf(run.pod).find((c) => c.spec.name === name)?.spec;
    const message = readStart(messagePlace(run, name, attemptOf(instance)).here, MESSAGE_MAX);
    if (message) run.messages.set(instance.id, message);
    else if (spec?.terminationMessagePolicy === "FallbackToLogsOnError" && instance.exitCode !== 0)
      lastLines(ctx.runtime, instance.id, ctx.signal).then(
        (text) => {
          if (text) run.messages.set(instance.id, text);
          run.publish();
        },
        (error: unknown) => ctx.log.debug({ err: error }, "a container's last lines could not be read"),
      );
  };

  /** What the pod's own object orders: its deletion, a deadline. */
  const applyOrders = (run: PodRun): void => {
    const { deletionTimestamp, deletionGracePeriodSeconds } = run.pod.metadata;
    if (deletionTimestamp === undefined) return;
    const graceSeconds =
      deletionGracePeriodSeconds ?? run.pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
    order(run, graceSeconds);
  };
  /** A second order may only shorten the first. */
  const order = (run: PodRun, graceSeconds: number, verdict?: StopOrder["verdict"]): void => {
    const deadline = ctx.steady() + graceSeconds * 1000;
    const immediate = graceSeconds === 0;
    if (!run.stop) run.stop = { deadline, immediate, verdict };
    else {
      run.stop.deadline = Math.min(run.stop.deadline, deadline);
      run.stop.immediate ||= immediate;
    }
    run.ending.abort();
    notifyChange(run);
  };

  ctx.engine.onChange((uid, container, id) => {
    const entry = entries.get(uid);
    if (!entry) return;
    const { run, worker } = entry;
    if (container) adopt(run, container);
    else if (run.instances.get(id)?.state === "created") run.instances.delete(id);
    else run.removed.add(id);
    notifyChange(run);
    run.publish();
    worker.wake();
  });

  return {
    setPod(pod, source = "api") {
      const uid = pod.metadata.uid ?? "";
      if (finished.has(uid)) return;
      const entry = entries.get(uid);
      if (!entry) {
        // One that ended before this kubelet began, and left nothing, needs no worker.
        const over =
          isTerminal(pod) && !pod.metadata.deletionTimestamp && [...ctx.engine.ofPod(uid)].length === 0;
        if (!over) start(pod, source);
        return;
      }
      const before = entry.run.pod;
      entry.run.pod = pod;
      applyOrders(entry.run);
      entry.worker.wake(true);
      if (leavesMore(pod, before)) retryResizes();
    },
    removePod(uid) {
      finished.delete(uid);
      const entry = entries.get(uid);
      if (!entry) return;
      entry.run.gone = true;
      // Deleted by force: whoever waited for a graceful end has gone.
      order(entry.run, FORCED_GRACE_SECONDS);
      entry.worker.wake(true);
    },
    removeOrphans: async () => {
      const uids = new Set([...ctx.engine.pods(), ...(await ctx.storage.pods())]);
      const volumes = await ctx.runtime.listVolumes(nodeLabels(ctx.identity));
      for (const { labels } of volumes) uids.add(labels[LABEL.podUid] ?? "");
      uids.delete("");
      for (const uid of uids) if (!entries.has(uid)) startOrphan(uid, start, ctx);
      await ctx.network.removeStrangers(new Set(entries.keys()));
    },
    evict(uid, verdict, graceSeconds) {
      const entry = entries.get(uid);
      if (!entry || isEnding(entry.run)) return false;
      order(entry.run, graceSeconds, verdict);
      entry.worker.wake(true);
      return true;
    },
    setMirrors(find) {
      mirrorOf = find;
    },
    get: (uid) => entries.get(uid)?.run,
    runs: function* () {
      for (const { run } of entries.values()) yield run;
    },
    wake(uid) {
      const entry = entries.get(uid);
      // What failed for want of something may have it now.
      entry?.run.retryAt.clear();
      entry?.worker.wake(true);
    },
    idle: async () => {
      await Promise.all([...entries.values()].map(({ run }) => run.tasks.idle()));
    },
  };
}

/** The pod's end, or a resize of its own, left room for others. */
function leavesMore(pod: Pod, before: Pod): boolean {
  if (isTerminal(before)) return false;
  if (isTerminal(pod)) return true;
  const now = podRequests(pod);
  return Object.entries(podRequests(before)).some(([name, amount]) => (now[name] ?? 0) < amount);
}

/** Stands for a pod that only the engine still knows. */
function startOrphan(uid: string, start: (pod: Pod, source: "orphan") => Entry, ctx: KubeletContext): void {
  const [known] = ctx.engine.ofPod(uid);
  const labels = known?.labels ?? {};
  const pod: Pod = {
    metadata: { uid, name: labels[LABEL.podName] ?? "", namespace: labels[LABEL.podNamespace] ?? "" },
    spec: { containers: [] },
  };
  const { run, worker } = start(pod, "orphan");
  const graceSeconds = Number(labels[LABEL.grace] ?? DEFAULT_GRACE_SECONDS);
  run.stop = { deadline: ctx.steady() + graceSeconds * 1000, immediate: false };
  run.ending.abort();
  worker.wake();
}
