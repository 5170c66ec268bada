import type { Logger } from "@coracle/shared/log.ts";
import { createWorkQueue } from "@coracle/shared/workqueue/work-queue.ts";
import type { Kind } from "./kind.ts";
import type { Registry } from "./registry.ts";

export interface Follow {
  readonly kind: Kind;
  /** Another kind, any of whose changes may concern all objects. */
  readonly dependsOn?: Kind | undefined;
  /** Whether an object, as it is, needs work. */
  readonly wants: (object: never) => boolean;
  /** Brings one object up to date; runs again, later and later, after an error. */
  readonly reconcile: (name: string) => Promise<void>;
  readonly log?: Logger | undefined;
  readonly signal: AbortSignal;
}

/** Follows a kind of cluster scope through the server's own cache. Every server does, so `reconcile` must bear company. */
export function followKind(registry: Registry, follow: Follow): void {
  const { kind, dependsOn, wants, reconcile, log, signal } = follow;
  const queue = createWorkQueue();
  const look = (name: string, object: unknown): void => {
    if (wants(object as never)) queue.add(name);
  };
  const lookAtAll = (): void => {
    for (const { key, object } of registry.cache.all(kind.storage)) look(key.name, object);
  };
  lookAtAll();
  // Objects of other kinds are not looked into: that would parse every one that is written.
  const unsubscribe = registry.cache.onChange(({ type, current }) => {
    const { resource, name } = current.key;
    if (resource === kind.storage && type !== "DELETED") look(name, current.object);
    else if (resource === dependsOn?.storage) lookAtAll();
  });
  const stop = (): void => {
    unsubscribe();
    queue.shutDown();
  };
  signal.addEventListener("abort", stop, { once: true });
  const work = async (): Promise<void> => {
    for (let name = await queue.next(); name !== undefined; name = await queue.next()) {
      try {
        await reconcile(name);
        queue.forget(name);
      } catch (error) {
        if (!signal.aborted) {
          log?.warn({ err: error, kind: kind.kind, name }, "an object could not be brought up to date");
          queue.addRateLimited(name);
        }
      }
      queue.done(name);
    }
  };
  void work();
}
