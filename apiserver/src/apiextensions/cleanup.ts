/** A definition that is going takes its objects with it. */
import type { CustomResourceDefinition } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { cleanupFinalizer, customResourceDefinitions } from "../kinds/customresourcedefinitions/kind.ts";
import { clone } from "../patch/json.ts";
import { deleteObject } from "../registry/delete-object.ts";
import type { Kind } from "../registry/kind.ts";
import type { Registry } from "../registry/registry.ts";
import type { ServedResource } from "../registry/resources.ts";
import { rewriteObject } from "../registry/rewrite.ts";
import { updateObject } from "../registry/update-object.ts";
import type { CachedObject } from "../watch/cache.ts";
import { storageName } from "./holder.ts";
import { merge } from "./status.ts";

const server = { username: "system:apiserver", groups: ["system:masters"] };
const plain = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagation: undefined,
  uid: undefined,
  resourceVersion: undefined,
} as const;
const silent = (): void => undefined;

/**
 * Deletes the objects of a definition that is going, and lets the definition go once there are none. Any number of servers may
 * do this at once. @returns whether it is done; else it goes on when the last objects have left
 */
export async function cleanUp(
  registry: Registry,
  crd: CustomResourceDefinition,
  kind: Kind | undefined,
): Promise<boolean> {
  if (!crd.metadata.finalizers?.includes(cleanupFinalizer)) return true;
  const name = crd.metadata.name ?? "";
  const storage = storageName(crd);
  const items = [...registry.cache.all(storage)];
  const served = kind && firstServed(registry, kind);
  if (served) {
    // Deleting them is this server's own decision; nobody is asked again.
    const quiet: Registry = { ...registry, admit: () => undefined };
    for (const item of items) await deleteOne(quiet, served, item);
  }
  await registry.cache.waitFor(await registry.store.revision());
  if (![...registry.cache.all(storage)].some(Boolean)) {
    await letGo(registry, name);
    return true;
  }
  const message = "CustomResource deletion is in progress, waiting for finalizers";
  await tell(registry, name, { reason: "InstanceDeletionInProgress", message });
  return false;
}

const firstServed = (registry: Registry, kind: Kind): ServedResource | undefined =>
  registry.resources.find(kind.group, kind.versions[0] ?? "", kind.plural);

async function deleteOne(
  registry: Registry,
  served: ServedResource,
  { key, object }: CachedObject,
): Promise<void> {
  if (object.metadata.deletionTimestamp) return;
  try {
    const { namespace, name } = key;
    await deleteObject(registry, { served, namespace, name, user: server, deletion: plain, warn: silent });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}

/** Says in the status how far it is. */
async function tell(
  registry: Registry,
  name: string,
  { reason, message }: { readonly reason: string; readonly message: string },
): Promise<void> {
  const kind = customResourceDefinitions;
  const now = `${registry.now().toISOString().slice(0, 19)}Z`;
  const said = (
    registry.cache.get({ resource: kind.storage, namespace: "", name })?.object as
      | CustomResourceDefinition
      | undefined
  )?.status?.conditions?.some((c) => c.type === "Terminating" && c.reason === reason);
  if (said) return;
  await rewriteObject(registry, {
    kind,
    namespace: "",
    name,
    dryRun: false,
    change: (object) => {
      const { status } = object as unknown as CustomResourceDefinition;
      const condition = { type: "Terminating", status: "True", reason, message };
      object["status"] = { ...status, conditions: merge(status?.conditions ?? [], [condition], now) };
    },
  });
}

async function letGo(registry: Registry, name: string): Promise<void> {
  const served = firstServed(registry, customResourceDefinitions);
  if (!served) return;
  try {
    await updateObject(
      { ...registry, admit: () => undefined },
      {
        served,
        namespace: "",
        name,
        subresource: "",
        user: server,
        dryRun: false,
        fieldManager: "apiserver",
        warn: silent,
        retry: true,
        change: ({ object }) => withoutFinalizer(object),
      },
    );
  } catch (error) {
    // Another server was faster.
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}

function withoutFinalizer(object: KubeObject): KubeObject {
  const copy = clone(object);
  delete copy.metadata.resourceVersion;
  const rest = (copy.metadata.finalizers ?? []).filter((finalizer) => finalizer !== cleanupFinalizer);
  if (rest.length > 0) copy.metadata.finalizers = rest;
  else delete copy.metadata.finalizers;
  return copy;
}
