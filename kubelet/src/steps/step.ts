import type { PodRun } from "../pod.ts";

/**
 * One step of a pod's life. Each is idempotent and looks at what is there, so that it may be repeated after any interruption.
 * They resolve to whether the next step may follow; a step that waits wakes the pod when that changes.
 */
export interface PodStep {
  readonly name: string;
  up(run: PodRun): Promise<boolean>;
  /** Undoes what runs: the pod has ended, its traces stay. */
  stop?(run: PodRun): Promise<boolean>;
  /** Undoes what is left: the pod is deleted. */
  erase?(run: PodRun): Promise<boolean>;
}
