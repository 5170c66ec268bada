/** An API for tests: objects in memory, status patches merged as a server would, deletions as they are asked for. */
import type { Pod, PodCondition, PodStatus } from "@coracle/shared/api/generated/core-v1.ts";
import type { Resource } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { conflict, notFound } from "@coracle/shared/errors.ts";

interface Stored {
  metadata: { name?: string | undefined; namespace?: string | undefined; uid?: string | undefined };
  status?: unknown;
}

export interface MemoryClient extends Client {
  put(resource: Resource<unknown>, object: object): void;
  pod(namespace: string, name: string): Pod | undefined;
  /** Waits until the pod is as asked; undefined stands for a pod that is gone. */
  until(namespace: string, name: string, test: (pod: Pod | undefined) => boolean, ms?: number): Promise<Pod>;
  readonly history: PodStatus[];
}

/** Lists of conditions merge by type, everything else is replaced; enough for what a kubelet sends. */
function mergeStatus(old: PodStatus, patch: Record<string, unknown>): PodStatus {
  const merged: Record<string, unknown> = { ...old };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (key === "conditions") {
      const byType = new Map((old.conditions ?? []).map((c) => [c.type, c]));
      for (const c of value as (PodCondition & { $patch?: string })[]) {
        if (c.$patch === "delete") byType.delete(c.type);
        else byType.set(c.type, withoutNulls({ ...byType.get(c.type), ...c }));
      }
      merged[key] = [...byType.values()];
    } else if (Array.isArray(value)) merged[key] = value.filter((v) => !(v as { $patch?: string }).$patch);
    else merged[key] = value;
  }
  return merged;
}

const withoutNulls = (condition: PodCondition): PodCondition =>
  Object.fromEntries(Object.entries(condition).filter(([, value]) => value !== null)) as PodCondition;

export function createMemoryClient(): MemoryClient {
  const store = new Map<string, Stored>();
  const waiters = new Set<() => void>();
  const history: PodStatus[] = [];
  const keyOf = (r: Resource<unknown>, ns: string | undefined, name: string | undefined): string =>
    `${r.plural}/${ns ?? ""}/${name ?? ""}`;
  const find = (r: Resource<unknown>, at: { namespace?: string | undefined; name: string }): Stored => {
    const found = store.get(keyOf(r, at.namespace, at.name));
    if (!found) throw notFound({ group: r.group, resource: r.plural }, at.name);
    return found;
  };
  const changed = (): void => {
    for (const waiter of waiters) waiter();
  };
  const podAt = (namespace: string, name: string): Pod | undefined =>
    store.get(`pods/${namespace}/${name}`) as Pod | undefined;
  const unused = (): never => {
    throw new Error("not needed by these tests");
  };

  return {
    history,
    put(resource, object) {
      const { metadata } = object as Stored;
      store.set(keyOf(resource, metadata.namespace, metadata.name), object as Stored);
      changed();
    },
    pod: podAt,
    until: (namespace, name, test, ms = 30_000) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const pod = podAt(namespace, name);
          if (!test(pod)) return;
          clearTimeout(timer);
          waiters.delete(look);
          resolve(pod as Pod);
        };
        const timer = setTimeout(() => {
          waiters.delete(look);
          reject(
            new Error(
              `pod ${name} did not get there: ${JSON.stringify(podAt(namespace, name)?.status, undefined, 1)}`,
            ),
          );
        }, ms);
        waiters.add(look);
        look();
      }),
    get: (resource, at) => Promise.resolve().then(() => find(resource as Resource<unknown>, at) as never),
    patch: (resource, at, patch) =>
      Promise.resolve().then(() => {
        const found = find(resource, at);
        const body = patch.body as { metadata?: { uid?: string }; status?: Record<string, unknown> };
        if (body.metadata?.uid && body.metadata.uid !== found.metadata.uid)
          throw conflict(
            { group: "", resource: resource.plural },
            at.name,
            "the UID in the precondition differs",
          );
        const status = mergeStatus(found.status ?? {}, body.status ?? {});
        history.push(status);
        const updated = { ...found, status };
        store.set(keyOf(resource, at.namespace, at.name), updated);
        changed();
        return updated as never;
      }),
    delete: (resource, at, params) =>
      Promise.resolve().then(() => {
        const found = find(resource, at);
        const uid = params?.preconditions?.uid;
        if (uid && uid !== found.metadata.uid)
          throw conflict({ group: "", resource: resource.plural }, at.name, "uid");
        store.delete(keyOf(resource, at.namespace, at.name));
        return changed();
      }),
    createSubresource: (_resource, at, subresource) =>
      Promise.resolve({
        spec: { expirationSeconds: 3600 },
        status: { token: `${subresource}-of-${at.name}` },
      } as never),
    list: unused,
    create: unused,
    update: unused,
    deleteCollection: unused,
    request: unused,
  };
}
