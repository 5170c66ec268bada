import { conflict, notFound, staleResourceVersion } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { clone } from "../patch/json.ts";
import { loadItem } from "./custom.ts";
import type { UserInfo } from "../request.ts";
import { StoreError, type ObjectKey } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";
import { admitValidate } from "./admission.ts";
import { timestamp } from "./create-object.ts";
import type { Deletion } from "./delete-options.ts";
import { pendingFinalizers } from "./finalizers.ts";
import type { Kind } from "./kind.ts";
import { groupResource, keyFor, writeContext, type Registry } from "./registry.ts";
import { maxAttempts } from "./races.ts";
import { removeObject } from "./remove-object.ts";
import type { ServedResource } from "./resources.ts";
import { notWritten, storageText, written } from "./storage-text.ts";

export interface DeleteRequest {
  readonly served: ServedResource;
  readonly namespace: string;
  readonly name: string;
  readonly user: UserInfo;
  readonly deletion: Deletion;
  readonly warn: (message: string) => void;
  /** A last word before the object goes (eviction checks budgets, under the same compare-and-swap). */
  readonly check?: ((object: KubeObject) => void) | undefined;
}

export interface DeleteResult {
  readonly item: CachedObject;
  /** False while finalizers or grace keep the object. */
  readonly removed: boolean;
}

const gcFinalizers = ["orphan", "foregroundDeletion"];

/**
 * Deletes an object, or marks it for deletion when finalizers or its grace period keep it.
 * @throws ApiError 404, 409, …
 */
export async function deleteObject(registry: Registry, request: DeleteRequest): Promise<DeleteResult> {
  const { kind } = request.served;
  const key = keyFor(kind, request.namespace, request.name);
  let current = registry.cache.get(key);
  let admitted = false;
  for (let attempt = 1; ; attempt++) {
    current ??= await readFresh(registry, key);
    if (!current) throw notFound(groupResource(kind), request.name);
    const refused = deletionConflict(request, current);
    if (refused) {
      // The cache may be behind what the client has seen.
      if (attempt > 1) throw refused;
      current = undefined;
      continue;
    }
    if (!admitted) await admit(registry, request, (await loadItem(kind, current)).object);
    admitted = true;
    request.check?.(current.object);
    try {
      const result = await deleteOnce(registry, request, { key, current });
      return kind.custom ? { ...result, item: await loadItem(kind, result.item) } : result;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (attempt >= maxAttempts) throw staleResourceVersion(groupResource(kind), request.name);
      current = undefined;
    }
  }
}

async function readFresh(registry: Registry, key: ObjectKey): Promise<CachedObject | undefined> {
  const stored = await registry.store.get(key);
  return stored && written(key, stored.revision, stored.body);
}

const admit = (registry: Registry, request: DeleteRequest, old: KubeObject): Promise<void> =>
  admitValidate(
    registry,
    {
      operation: "DELETE",
      kind: request.served.kind,
      subresource: "",
      namespace: request.namespace,
      name: request.name,
      user: request.user,
      dryRun: request.deletion.dryRun,
      options: request.deletion,
      warn: request.warn,
    },
    undefined,
    old,
  );

/** Undefined when the object is the one that the client means. */
export function deletionConflict(
  { served, name, deletion }: Pick<DeleteRequest, "served" | "name" | "deletion">,
  current: CachedObject,
): Error | undefined {
  // Upstream names the kind here, where all other conflicts name the resource.
  const resource = { group: served.kind.group, resource: served.kind.kind };
  const { uid } = current.object.metadata;
  if (deletion.uid !== undefined && deletion.uid !== uid) {
    return conflict(
      resource,
      name,
      `the UID in the precondition (${deletion.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (deletion.resourceVersion !== undefined && deletion.resourceVersion !== String(current.revision)) {
    return conflict(
      resource,
      name,
      `the ResourceVersion in the precondition (${deletion.resourceVersion}) does not match the ResourceVersion in record (${current.revision}). The object might have been modified`,
    );
  }
  return undefined;
}

interface Target {
  readonly key: ObjectKey;
  readonly current: CachedObject;
}

async function deleteOnce(registry: Registry, request: DeleteRequest, target: Target): Promise<DeleteResult> {
  const { kind } = request.served;
  const { current, key } = target;
  const object = clone(current.object);
  const grace = graceFor(kind, object, request.deletion.gracePeriodSeconds);
  applyPropagation(kind, object, request.deletion);
  (kind.prepareForDelete as ((object: KubeObject) => void) | undefined)?.(object);
  const held = pendingFinalizers(kind, object) > 0;
  if (!held && grace === 0) return remove(registry, request, { key, current });
  if (!mark(kind, object, grace, registry.now()) && sameFinalizers(object, current.object)) {
    // Already on its way out, no sooner for being asked again.
    return { item: current, removed: false };
  }
  const text = storageText(object);
  if (request.deletion.dryRun) return { item: notWritten(key, current.revision, text), removed: false };
  return {
    item: written(key, await registry.store.update(key, text, current.revision), text),
    removed: false,
  };
}

async function remove(
  registry: Registry,
  request: DeleteRequest,
  { key, current }: Target,
): Promise<DeleteResult> {
  const { kind } = request.served;
  const { dryRun } = request.deletion;
  const text = storageText(current.object);
  if (dryRun) return { item: notWritten(key, current.revision, text), removed: true };
  const ctx = writeContext(registry, kind, { ...request, dryRun, subresource: "", verb: "delete" });
  return { item: await removeObject(registry, { kind, current, text, ctx }), removed: true };
}

function graceFor(kind: Kind, object: KubeObject, requested: number | undefined): number {
  const seconds = kind.gracefulDelete?.gracePeriodSeconds(object, requested) ?? 0;
  const already = object.metadata.deletionTimestamp ? object.metadata.deletionGracePeriodSeconds : undefined;
  // Grace can be shortened, not prolonged.
  return already === undefined ? seconds : Math.min(seconds, already);
}

/** Puts on, or takes off, the finalizers that the garbage collector works by. */
function applyPropagation(kind: Kind, object: KubeObject, { propagation }: Deletion): void {
  const { metadata } = object;
  const had = metadata.finalizers ?? [];
  const policy =
    propagation ?? (had.some((f) => gcFinalizers.includes(f)) ? undefined : kind.defaultPropagation);
  if (policy === undefined) return;
  const kept = had.filter((f) => !gcFinalizers.includes(f));
  if (policy === "Orphan") kept.push("orphan");
  if (policy === "Foreground") kept.push("foregroundDeletion");
  if (kept.length > 0) metadata.finalizers = kept;
  else delete metadata.finalizers;
}

/** Writes when the object will go; @returns false when that was settled before. */
function mark(kind: Kind, object: KubeObject, grace: number, now: Date): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp && (metadata.deletionGracePeriodSeconds ?? 0) <= grace) return false;
  const since = metadata.deletionTimestamp
    ? Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
    : now.getTime();
  metadata.deletionTimestamp = timestamp(new Date(since + grace * 1000));
  metadata.deletionGracePeriodSeconds = grace;
  if (metadata.generation) metadata.generation += 1;
  if (kind.storage === "namespaces")
    object["status"] = { ...(object["status"] as object), phase: "Terminating" };
  return true;
}

const sameFinalizers = (a: KubeObject, b: KubeObject): boolean =>
  (a.metadata.finalizers ?? []).join() === (b.metadata.finalizers ?? []).join();
