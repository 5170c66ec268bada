/** Removes containers that have ended and that nobody can ask about any more. */
import type { Logger } from "@coracle/shared/log.ts";
import { LABEL } from "../container/names.ts";
import type { EngineView } from "../engine-view.ts";
import { attemptOf } from "../plan/plan.ts";
import type { Runtime, RuntimeContainer } from "../runtime/runtime.ts";

export interface ContainerCollectorOptions {
  readonly runtime: Pick<Runtime, "remove">;
  readonly engine: Pick<EngineView, "ofPod" | "pods" | "onChange" | "onRelist">;
  /** The pod has ended for good, and only waits to be deleted. */
  readonly hasEnded: (uid: string) => boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** How many ended instances of a container are kept: one is what `logs --previous` shows. */
  readonly keep?: number | undefined;
  readonly delayMs?: number | undefined;
}

export interface ContainerCollector {
  /** Removes what is in excess in all pods; of pods that have ended everything. */
  free(): Promise<void>;
}

const KEEP = 1;
/** Restarts come in bursts; one look serves several. */
const DELAY_MS = 1_000;

const isApp = (c: RuntimeContainer): boolean =>
  c.labels[LABEL.type] !== "sandbox" && Boolean(c.labels[LABEL.container]);

/** Ended instances beyond the newest `keep` of each container of one pod. Pure. */
export function deadInExcess(containers: Iterable<RuntimeContainer>, keep: number): RuntimeContainer[] {
  const ended = [...containers].filter((c) => isApp(c) && c.state === "exited");
  return [...Map.groupBy(ended, (c) => c.labels[LABEL.container]).values()].flatMap((instances) =>
    instances.toSorted((a, b) => attemptOf(b) - attemptOf(a) || b.createdAt - a.createdAt).slice(keep),
  );
}

/** Starts at once: works when a container ends, and never otherwise. */
export function createContainerCollector(options: ContainerCollectorOptions): ContainerCollector {
  const { engine, runtime, log, signal, keep = KEEP } = options;
  const due = new Map<string, NodeJS.Timeout>();

  const remove = async (containers: readonly RuntimeContainer[]): Promise<void> => {
    for (const container of containers) {
      if (signal.aborted) return;
      try {
        await runtime.remove(container.id);
      } catch (error) {
        log.warn({ err: error, container: container.name }, "could not remove an ended container");
      }
    }
  };
  const look = (uid: string): void => {
    if (signal.aborted || due.has(uid)) return;
    const timer = setTimeout(() => {
      due.delete(uid);
      void remove(deadInExcess(engine.ofPod(uid), keep));
    }, options.delayMs ?? DELAY_MS);
    timer.unref();
    due.set(uid, timer);
  };
  engine.onChange((uid, container) => {
    if (container?.state === "exited" && deadInExcess(engine.ofPod(uid), keep).length > 0) look(uid);
  });
  engine.onRelist(() => {
    for (const uid of engine.pods()) if (deadInExcess(engine.ofPod(uid), keep).length > 0) look(uid);
  });
  signal.addEventListener(
    "abort",
    () => {
      for (const timer of due.values()) clearTimeout(timer);
    },
    { once: true },
  );
  return {
    free: async () => {
      for (const uid of engine.pods())
        await remove(deadInExcess(engine.ofPod(uid), options.hasEnded(uid) ? 0 : keep));
    },
  };
}
