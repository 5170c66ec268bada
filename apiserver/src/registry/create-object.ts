import { randomUUID } from "node:crypto";
import { alreadyExists, ApiError, badRequest, generatedNameTaken } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { StoreError } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";
import type { UserInfo } from "../request.ts";
import { admitMutate, admitValidate, type AdmissionScope } from "./admission.ts";
import { clone } from "../patch/json.ts";
import { loadItem, storedText } from "./custom.ts";
import type { Kind, WriteContext } from "./kind.ts";
import { trackCreate } from "./managed-fields.ts";
import { validateMeta } from "./meta.ts";
import { generateName } from "./names.ts";
import { groupResource, keyFor, writeContext, type Registry } from "./registry.ts";
import type { ServedResource } from "./resources.ts";
import { notWritten, written } from "./storage-text.ts";
import { allocate, prepareForCreate, refuseInvalid, setDefaults, validate, warn } from "./strategy.ts";

export interface CreateRequest {
  readonly served: ServedResource;
  /** "" for cluster scope. */
  readonly namespace: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly warn: (message: string) => void;
  readonly options?: object | undefined;
  /** Managed fields are given already (an apply that creates). */
  readonly tracked?: boolean | undefined;
}

/** How often a generated name that is taken is generated again. */
const maxNames = 8;

/**
 * Stores a new object (storage version, owned by the callee): default, admit, prepare, validate, allocate, store.
 * @throws ApiError
 */
export async function createObject(
  registry: Registry,
  request: CreateRequest,
  object: KubeObject,
): Promise<CachedObject> {
  if (!object.metadata.generateName || object.metadata.name) return createOnce(registry, request, object);
  for (let attempt = 1; ; attempt++) {
    try {
      return await createOnce(registry, request, attempt < maxNames ? clone(object) : object);
    } catch (error) {
      const taken = error instanceof ApiError && error.reason === "AlreadyExists";
      if (!taken) throw error;
      if (attempt === maxNames)
        throw generatedNameTaken(groupResource(request.served.kind), object.metadata.name ?? "");
    }
  }
}

async function createOnce(
  registry: Registry,
  request: CreateRequest,
  body: KubeObject,
): Promise<CachedObject> {
  const { kind } = request.served;
  const closed = kind.custom?.closed();
  if (closed) throw new ApiError(405, "MethodNotAllowed", closed, {});
  if (body.metadata.resourceVersion)
    throw badRequest("resourceVersion should not be set on objects to be created");
  resetForCreate(kind, body, request.namespace);
  setDefaults(kind, body);
  // What admission adds is nobody's: only what was asked for is the client's own.
  if (!request.tracked)
    trackCreate(registry.resources, request.served, body, {
      manager: request.fieldManager,
      now: registry.now(),
    });
  const scope = admissionScope(request, body.metadata.name ?? "");
  const object = await admitMutate(registry, scope, body);
  setDefaults(kind, object);
  stampNew(kind, object, registry.now());
  const ctx = writeContext(registry, kind, {
    verb: "create",
    user: request.user,
    namespace: request.namespace,
    dryRun: request.dryRun,
    subresource: "",
    warn: request.warn,
  });
  prepareForCreate(kind, object, ctx);
  const { name = "" } = object.metadata;
  refuseInvalid(kind, name, [...validateMeta(kind, object.metadata), ...validate(kind, object, ctx)]);
  warn(kind, object, undefined, ctx);
  await admitValidate(registry, { ...scope, name }, object);
  return storeNew(registry, { request, ctx, object });
}

const admissionScope = (request: CreateRequest, name: string): AdmissionScope => ({
  operation: "CREATE",
  kind: request.served.kind,
  subresource: "",
  namespace: request.namespace,
  name,
  user: request.user,
  dryRun: request.dryRun,
  options: request.options,
  warn: request.warn,
});

/** What a client may not choose. */
function resetForCreate(kind: Kind, object: KubeObject, namespace: string): void {
  const { metadata } = object;
  if (kind.namespaced) metadata.namespace = namespace;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.generation;
  delete (metadata as { selfLink?: string }).selfLink;
  if (kind.status && !kind.statusOnCreate) object["status"] = {};
}

function stampNew(kind: Kind, object: KubeObject, now: Date): void {
  const { metadata } = object;
  if (!metadata.name && metadata.generateName) metadata.name = generateName(metadata.generateName);
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(now);
  if (kind.generation) metadata.generation = 1;
}

/** RFC 3339 in seconds, as every `metav1.Time` is. */
export const timestamp = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

interface Prepared {
  readonly request: CreateRequest;
  readonly ctx: WriteContext;
  readonly object: KubeObject;
}

async function storeNew(registry: Registry, { request, ctx, object }: Prepared): Promise<CachedObject> {
  const { kind } = request.served;
  const key = keyFor(kind, request.namespace, object.metadata.name ?? "");
  if (request.dryRun) {
    if (registry.cache.get(key)) throw alreadyExists(groupResource(kind), key.name);
    await allocate(kind, object, undefined, ctx);
    return loadItem(kind, notWritten(key, undefined, await storedText(kind, object)));
  }
  const allocation = await allocate(kind, object, undefined, ctx);
  try {
    const text = await storedText(kind, object);
    const stored = written(key, await registry.store.create(key, text), text);
    await allocation?.commit();
    return kind.custom ? await loadItem(kind, stored) : stored;
  } catch (error) {
    await allocation?.rollback();
    if (error instanceof StoreError && error.code === "exists")
      throw alreadyExists(groupResource(kind), key.name);
    throw error;
  }
}
