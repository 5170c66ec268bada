/** Serves what CustomResourceDefinitions define. Every API server follows them through its own watch cache. */
import type { CustomResourceDefinition } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { WorkQueue } from "@coracle/shared/workqueue/queue.ts";
import { createWorkQueue } from "@coracle/shared/workqueue/work-queue.ts";
import { customResourceDefinitions } from "../kinds/customresourcedefinitions/kind.ts";
import { equal } from "../patch/json.ts";
import type { Kind } from "../registry/kind.ts";
import type { Registry } from "../registry/registry.ts";
import { rewriteObject } from "../registry/rewrite.ts";
import type { CachedObject, CacheEvent } from "../watch/cache.ts";
import { cleanUp } from "./cleanup.ts";
import type { Convert } from "./conversion.ts";
import { compileDefinition, customKind } from "./definition.ts";
import { storageName, type Holder } from "./holder.ts";
import { desiredStatus, type TakenNames } from "./status.ts";

export interface CustomResourcesParts {
  readonly registry: Registry;
  readonly convert: Convert;
  readonly log?: Logger | undefined;
  readonly signal: AbortSignal;
}

interface Served {
  readonly holder: Holder;
  kind: Kind | undefined;
}

const { storage } = customResourceDefinitions;
const established = (crd: CustomResourceDefinition): boolean =>
  crd.status?.conditions?.some((c) => c.type === "Established" && c.status === "True") ?? false;

/** Starts to follow definitions; those there are, are served when this returns. */
export function startCustomResources(parts: CustomResourcesParts): void {
  const { registry, signal, log } = parts;
  const byName = new Map<string, Served>();
  /** Definitions whose objects must go, by the storage of those. */
  const leaving = new Map<string, string>();
  const queue: WorkQueue = createWorkQueue();

  const follow = (item: CachedObject): void => {
    const crd = item.object as unknown as CustomResourceDefinition;
    const name = item.key.name;
    try {
      serve(parts, byName, { crd, name, revision: item.revision });
    } catch (error) {
      log?.error({ err: error, definition: name }, "a definition cannot be served");
    }
    if (crd.metadata.deletionTimestamp) leaving.set(storageName(crd), name);
    queue.add(name);
  };
  const onChange = ({ type, current }: CacheEvent): void => {
    if (current.key.resource === storage) {
      if (type !== "DELETED") follow(current);
      else {
        stopServing(registry, byName, current.key.name);
        leaving.delete(storageName(current.object as unknown as CustomResourceDefinition));
        // Names have become free.
        for (const other of registry.cache.all(storage)) queue.add(other.key.name);
      }
    } else if (type === "DELETED") {
      const name = leaving.get(current.key.resource);
      if (name !== undefined) queue.add(name);
    }
  };
  for (const item of registry.cache.all(storage)) follow(item);
  const unsubscribe = registry.cache.onChange(onChange);
  const stop = (): void => {
    unsubscribe();
    queue.shutDown();
  };
  signal.addEventListener("abort", stop, { once: true });
  void work(parts, byName, queue);
}

interface Change {
  readonly crd: CustomResourceDefinition;
  readonly name: string;
  readonly revision: number;
}

/** Puts a definition's kind into the table, as it is now. */
function serve(
  { registry, convert }: CustomResourcesParts,
  byName: Map<string, Served>,
  { crd, name, revision }: Change,
): void {
  if (!established(crd)) return;
  let known = byName.get(name);
  const before = known?.holder.current;
  const same =
    before?.crd.metadata.uid === crd.metadata.uid &&
    before?.crd.metadata.generation === crd.metadata.generation &&
    before?.crd.metadata.deletionTimestamp === crd.metadata.deletionTimestamp &&
    equal(before?.crd.status?.acceptedNames, crd.status?.acceptedNames);
  if (known && before && same) {
    known.holder.current = { ...before, crd };
    return;
  }
  const definition = compileDefinition(crd, revision);
  if (!known) {
    known = { holder: { current: definition, retire: new Map(), convert }, kind: undefined };
    byName.set(name, known);
  }
  known.holder.current = definition;
  const made = customKind(known.holder);
  if (known.kind) registry.resources.remove(known.kind.group, known.kind.plural);
  known.kind = made?.kind;
  if (made) registry.resources.add(made.kind, made.nodes);
  for (const [version, controller] of known.holder.retire)
    if (!made?.kind.versions.includes(version)) controller.abort();
}

function stopServing(registry: Registry, byName: Map<string, Served>, name: string): void {
  const known = byName.get(name);
  if (!known) return;
  byName.delete(name);
  if (known.kind) registry.resources.remove(known.kind.group, known.kind.plural);
  for (const controller of known.holder.retire.values()) controller.abort();
}

async function work(
  parts: CustomResourcesParts,
  byName: Map<string, Served>,
  queue: WorkQueue,
): Promise<void> {
  const { registry, log, signal } = parts;
  for (let name = await queue.next(); name !== undefined; name = await queue.next()) {
    try {
      await reconcile(registry, name, byName.get(name)?.kind);
      queue.forget(name);
    } catch (error) {
      if (!signal.aborted) {
        log?.warn({ err: error, definition: name }, "a definition's status could not be brought up to date");
        queue.addRateLimited(name);
      }
    }
    queue.done(name);
  }
}

const read = (registry: Registry, name: string): CustomResourceDefinition | undefined =>
  registry.cache.get({ resource: storage, namespace: "", name })?.object as
    | CustomResourceDefinition
    | undefined;

async function reconcile(registry: Registry, name: string, kind: Kind | undefined): Promise<void> {
  const crd = read(registry, name);
  if (!crd) return;
  if (crd.metadata.deletionTimestamp) {
    await cleanUp(registry, crd, kind);
    return;
  }
  const now = `${registry.now().toISOString().slice(0, 19)}Z`;
  const taken = takenNames(registry, crd);
  if (equal(desiredStatus(crd, taken, now), crd.status)) return;
  await rewriteObject(registry, {
    kind: customResourceDefinitions,
    namespace: "",
    name,
    dryRun: false,
    change: (object) => {
      object["status"] = desiredStatus(object as unknown as CustomResourceDefinition, taken, now);
    },
  });
}

/** Names of a definition's group that built-in kinds and other definitions have. */
function takenNames(registry: Registry, crd: CustomResourceDefinition): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const kind of registry.resources.kinds()) {
    if (kind.group !== crd.spec.group || kind.custom) continue;
    for (const name of [kind.plural, kind.singular, ...kind.shortNames]) resources.add(name);
    kinds.add(kind.kind).add(kind.listKind);
  }
  for (const { object } of registry.cache.all(storage)) {
    const other = object as unknown as CustomResourceDefinition;
    if (other.spec.group !== crd.spec.group || other.metadata.uid === crd.metadata.uid) continue;
    const { plural, singular, shortNames = [], kind, listKind } = other.status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}
