/** Work of a pod that takes its time: pulls, hooks, endings. One of a name at a time; each ends by waking the pod's worker. */
export interface Tasks {
  /** Starts it unless one of that name runs. `fn` handles its own failures. */
  start(name: string, fn: () => Promise<void>): void;
  has(name: string): boolean;
  /** Resolves when none is left. */
  idle(): Promise<void>;
}

export function createTasks(wake: () => void, onError: (name: string, error: unknown) => void): Tasks {
  const running = new Map<string, Promise<void>>();
  return {
    start(name, fn) {
      if (running.has(name)) return;
      const run = async (): Promise<void> => {
        try {
          await fn();
        } catch (error) {
          onError(name, error);
        }
        running.delete(name);
        wake();
      };
      running.set(name, run());
    },
    has: (name) => running.has(name),
    idle: async () => {
      while (running.size > 0) await Promise.all(running.values());
    },
  };
}
