import { badRequest, conflict, invalid, notFound, staleResourceVersion } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { equal } from "../patch/json.ts";
import type { UserInfo } from "../request.ts";
import { StoreError, type ObjectKey } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";
import { admitMutate, admitValidate, type AdmissionScope } from "./admission.ts";
import { loadItem, storedText } from "./custom.ts";
import { removeObject } from "./remove-object.ts";
import { invalidValue, path, type FieldError } from "./field.ts";
import { pendingFinalizers } from "./finalizers.ts";
import type { Kind, WriteContext } from "./kind.ts";
import { keepTimes, trackUpdate } from "./managed-fields.ts";
import { validateMetaUpdate } from "./meta.ts";
import { maxAttempts } from "./races.ts";
import { groupResource, keyFor, writeContext, type BodyKind, type Registry } from "./registry.ts";
import type { ServedResource } from "./resources.ts";
import { restoreForUpdate, restoreMeta } from "./restore.ts";
import { notWritten, storageText, written } from "./storage-text.ts";
import {
  allocate,
  prepareForUpdate,
  refuseInvalid,
  setDefaults,
  validate,
  validateStatusUpdate,
  validateUpdate,
  warn,
} from "./strategy.ts";

export interface UpdateRequest {
  readonly served: ServedResource;
  readonly namespace: string;
  readonly name: string;
  /** "" for the object itself. */
  readonly subresource: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly warn: (message: string) => void;
  readonly options?: object | undefined;
  /**
   * Makes the new state (storage version, owned by the caller) from the current one. Its resourceVersion, when it has one, must be
   * the current one's. Called again with a newer state when another write came first and `retry` is set.
   */
  readonly change: (current: CachedObject) => KubeObject | Promise<KubeObject>;
  /** Try again on a lost race; it can only be lost where the change does not insist on a resourceVersion. */
  readonly retry: boolean;
  /** The change was made from the current object, so that what it says of the object's identity is no precondition. */
  readonly isPatch?: boolean | undefined;
  /** The change has kept managedFields itself (apply). */
  readonly tracked?: boolean | undefined;
  /** What admission is shown instead of the object itself. */
  readonly view?: AdmissionView | undefined;
}

/** A part of an object that is written through a subresource of another kind. */
export interface AdmissionView {
  readonly kind: BodyKind;
  readonly show: (object: KubeObject) => KubeObject | undefined;
  /** Takes over into the object what admission made of the part. */
  readonly take: (object: KubeObject, shown: KubeObject) => void;
}

export interface UpdateResult {
  readonly item: CachedObject;
  /** The update was the last one: it removed the last finalizer of an object being deleted. */
  readonly removed: boolean;
}

/**
 * Changes a stored object: restore what may not change, default, admit, validate, allocate, compare and swap.
 * @throws ApiError 404, 409, 422, …
 */
export async function updateObject(registry: Registry, request: UpdateRequest): Promise<UpdateResult> {
  const { kind } = request.served;
  const key = keyFor(kind, request.namespace, request.name);
  let current = registry.cache.get(key);
  let fresh = false;
  for (let attempt = 1; ; attempt++) {
    if (!current) {
      current = await readFresh(registry, key);
      fresh = true;
    }
    if (!current) throw notFound(groupResource(kind), request.name);
    if (kind.custom) current = await loadItem(kind, current);
    try {
      return await updateOnce(registry, request, { key, current });
    } catch (error) {
      if (!(error instanceof LostRace)) throw error;
      // The cache may just have been behind: only what was read from the store itself is proof of a conflict.
      if (fresh && (!request.retry || error.isOutdated || attempt >= maxAttempts)) throw error.conflict;
      current = undefined;
    }
  }
}

/** The state in the store itself, for when the cache is not known to be new enough. */
async function readFresh(registry: Registry, key: ObjectKey): Promise<CachedObject | undefined> {
  const stored = await registry.store.get(key);
  return stored && written(key, stored.revision, stored.body);
}

/** The object was not in the state that the write was made for. */
class LostRace extends Error {
  readonly conflict: ReturnType<typeof conflict>;
  /** The change itself was made for another version: it will not do any better on what is stored by now. */
  readonly isOutdated: boolean;
  constructor(kind: Kind, name: string, isOutdated = false) {
    super("lost race");
    this.isOutdated = isOutdated;
    this.conflict = staleResourceVersion(groupResource(kind), name);
  }
}

interface Target {
  readonly key: ObjectKey;
  readonly current: CachedObject;
}

async function updateOnce(registry: Registry, request: UpdateRequest, target: Target): Promise<UpdateResult> {
  const { kind } = request.served;
  const { current } = target;
  const old = current.object;
  const body = await request.change(current);
  checkVersion(request, body, current);
  if (kind.namespaced && body.metadata.namespace && body.metadata.namespace !== request.namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  const ctx = writeContext(registry, kind, {
    ...request,
    verb: request.isPatch || request.tracked ? "patch" : "update",
  });
  restoreMeta(kind, body, old, request.subresource);
  restoreForUpdate(kind, body, old, request.subresource);
  setDefaults(kind, body);
  if (!request.tracked) {
    const { fieldManager: manager, subresource } = request;
    const writer = { manager, subresource, now: registry.now() };
    trackUpdate(registry.resources, request.served, { object: body, old }, writer);
  }
  const scope = admissionScope(request);
  const object = await admitChange(registry, { request, scope, body, old });
  setDefaults(kind, object);
  prepareForUpdate(kind, object, old, ctx);
  if (kind.generation && request.subresource !== "status")
    object.metadata.generation = nextGeneration(kind, object, old);
  refuseInvalid(kind, request.name, updateErrors(kind, object, old, ctx));
  warn(kind, object, old, ctx);
  const { view } = request;
  await (view
    ? admitValidate(registry, scope, view.show(object), view.show(old))
    : admitValidate(registry, scope, object, old));
  return storeUpdate(registry, request, { ...target, object, ctx });
}

interface Changing {
  readonly request: UpdateRequest;
  readonly scope: AdmissionScope;
  readonly body: KubeObject;
  readonly old: KubeObject;
}

async function admitChange(
  registry: Registry,
  { request: { view }, scope, body, old }: Changing,
): Promise<KubeObject> {
  if (!view) return admitMutate(registry, scope, body, old);
  const shown = view.show(body);
  if (shown) view.take(body, await admitMutate(registry, scope, shown, view.show(old)));
  return body;
}

const admissionScope = (request: UpdateRequest): AdmissionScope => ({
  operation: "UPDATE",
  kind: request.served.kind,
  subresource: request.subresource,
  namespace: request.namespace,
  name: request.name,
  user: request.user,
  dryRun: request.dryRun,
  options: request.options,
  body: request.view?.kind,
  version: request.served.version,
  warn: request.warn,
});

/** Optimistic concurrency, and a uid in the body as a precondition. */
function checkVersion(request: UpdateRequest, body: KubeObject, current: CachedObject): void {
  const { kind } = request.served;
  const { resourceVersion, uid } = body.metadata;
  if (resourceVersion === undefined || resourceVersion === "" || resourceVersion === "0") {
    if (kind.unconditionalUpdate === false && !request.retry) {
      // Upstream names the resource here, where all else that is invalid is named by its kind.
      throw invalid(kind.group, kind.plural, request.name, [
        {
          ...invalidValue(path("metadata", "resourceVersion"), "", ""),
          message: "Invalid value: 0x0: must be specified for an update",
        },
      ]);
    }
  } else if (resourceVersion !== String(current.revision)) {
    if (!/^\d+$/.test(resourceVersion)) {
      throw invalid(kind.group, kind.kind, request.name, [
        invalidValue(path("metadata", "resourceVersion"), resourceVersion, "must be an integer"),
      ]);
    }
    throw new LostRace(kind, request.name, true);
  }
  const currentUid = current.object.metadata.uid;
  // Of a patch, which names no object of its own, it is a change like any other, and refused as such.
  if (uid && uid !== currentUid && !request.isPatch) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${currentUid}`;
    throw conflict(groupResource(kind), request.name, why);
  }
}

const outsideGeneration = new Set(["metadata", "status", "kind", "apiVersion"]);

/** Rises when anything but metadata and status changes; a custom resource's status may be a field like any other. */
function nextGeneration(kind: Kind, object: KubeObject, old: KubeObject): number {
  const generation = old.metadata.generation ?? 1;
  const annotations = object.metadata.annotations ?? {};
  if (kind.generationOfAnnotations && !equal(annotations, old.metadata.annotations ?? {}))
    return generation + 1;
  for (const key of new Set([...Object.keys(object), ...Object.keys(old)])) {
    const outside = outsideGeneration.has(key) && (key !== "status" || kind.status || !kind.custom);
    if (!outside && !equal(object[key], old[key])) return generation + 1;
  }
  return generation;
}

function updateErrors(kind: Kind, object: KubeObject, old: KubeObject, ctx: WriteContext): FieldError[] {
  const errors = validateMetaUpdate(kind, object.metadata, old.metadata);
  if (ctx.subresource === "status") return [...errors, ...validateStatusUpdate(kind, object, old, ctx)];
  // Where a kind says what an update may do, that includes the rules of the new state.
  return [
    ...errors,
    ...(kind.validateUpdate ? validateUpdate(kind, object, old, ctx) : validate(kind, object, ctx)),
  ];
}

interface Change extends Target {
  readonly object: KubeObject;
  readonly ctx: WriteContext;
}

async function storeUpdate(
  registry: Registry,
  request: UpdateRequest,
  change: Change,
): Promise<UpdateResult> {
  const { kind } = request.served;
  const { key, current, object, ctx } = change;
  if (unchanged(object, current.object) && !kind.custom?.isOutdated(current))
    return { item: current, removed: false };
  const last = object.metadata.deletionTimestamp !== undefined && readyToGo(kind, object);
  const allocation = await allocate(kind, object, current.object, ctx);
  // After the allocation, which fills in what it reserved.
  const text = kind.custom ? await storedText(kind, object) : storageText(object);
  if (request.dryRun) {
    return { item: await loadItem(kind, notWritten(key, current.revision, text)), removed: last };
  }
  try {
    const item = last
      ? await removeObject(registry, { kind, current, text, ctx })
      : written(key, await registry.store.update(key, text, current.revision), text);
    await allocation?.commit();
    return { item: kind.custom ? await loadItem(kind, item) : item, removed: last };
  } catch (error) {
    await allocation?.rollback();
    if (error instanceof StoreError && error.code !== "exists") throw new LostRace(kind, request.name);
    throw error;
  }
}

/** An object being deleted goes with its last finalizer, once its grace is over. */
const readyToGo = (kind: Kind, object: KubeObject): boolean =>
  pendingFinalizers(kind, object) === 0 && !object.metadata.deletionGracePeriodSeconds;

/** A write that changes nothing is not a write: it makes no revision and wakes no watcher. */
function unchanged(object: KubeObject, old: KubeObject): boolean {
  keepTimes(object, old);
  const metadata = { ...object.metadata, resourceVersion: old.metadata.resourceVersion };
  return equal({ ...object, metadata }, old);
}
