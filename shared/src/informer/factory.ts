import type { Resource } from "../api/resources.ts";
import type { InformerCache } from "./cache.ts";
import type { Informer, InformerFactory, InformerOptions } from "./informer.ts";

export interface RunnableInformer<T> {
  readonly cache: InformerCache<T>;
  /** Keeps the cache current until `signal` aborts; never rejects for what it can wait out. */
  run(signal: AbortSignal): Promise<void>;
}

/** Shares informers: one per resource and options. */
export function createInformerFactory(
  create: <T>(resource: Resource<T>, options: InformerOptions) => RunnableInformer<T>,
): InformerFactory {
  const informers = new Map<string, RunnableInformer<unknown>>();
  let running: AbortSignal | undefined;
  const launch = (informer: RunnableInformer<unknown>, signal: AbortSignal): void => {
    // A run only ends when stopped; anything else must be seen, so it is left to the process's unhandled-rejection exit.
    void informer.run(signal);
  };
  return {
    for<T>(resource: Resource<T>, options: InformerOptions = {}): Informer<T> {
      const { shard, namespace, fieldSelector, labelSelector } = options;
      const parts = [
        resource.group,
        resource.version,
        resource.plural,
        shard ?? "*",
        namespace,
        fieldSelector,
        labelSelector,
      ];
      const whole = parts.map((part) => part ?? "").join("|");
      const id = options.metadataOnly ? `${whole}|metadata` : whole;
      const known = informers.get(whole) ?? informers.get(id);
      if (known) return known.cache as Informer<unknown> as Informer<T>;
      const informer = create(resource, options);
      informers.set(id, informer);
      if (running) launch(informer, running);
      return informer.cache;
    },
    async start(signal) {
      // Leadership may come and go: a later start runs the informers again, on the caches they have.
      if (!running || running.aborted) {
        running = signal;
        for (const informer of informers.values()) launch(informer, signal);
      }
      await Promise.all([...informers.values()].map(({ cache }) => cache.synced(signal)));
    },
  };
}
