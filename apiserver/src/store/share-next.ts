/**
 * Runs `work` for many callers at once: a caller is answered by a run that began after it asked, and at most one run is
 * under way while one more waits. Reading the store's revision for every consistent read costs one command per round trip.
 */
export function shareNext<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const begin = (): Promise<T> => {
    const run = work().finally(() => {
      if (running === run) running = undefined;
    });
    running = run;
    return run;
  };
  return () => {
    if (!running) return begin();
    next ??= running.then(noop, noop).then(() => {
      next = undefined;
      return begin();
    });
    return next;
  };
}

const noop = (): void => undefined;
