import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { planBootstrap, type RbacObject } from "../../authz/bootstrap.ts";
import { deleteObject } from "../delete-object.ts";
import type { Registry } from "../registry.ts";
import { updateObject } from "../update-object.ts";
import { apiserverUser, ensure, servedFor } from "./ensure.ts";

/** Puts the default roles and bindings in place, and back in shape where something was taken from them. */
export async function ensureRoles(registry: Registry): Promise<void> {
  const plan = planBootstrap(registry.cache);
  // No two of them are the same object, and a binding may be there before its role.
  await Promise.all([
    ...plan.create.map((object) => ensure(registry, asObject(object))),
    ...plan.update.map((object) => change(registry, asObject(object))),
    ...plan.replace.map((object) => replace(registry, asObject(object))),
  ]);
}

const asObject = (object: RbacObject): KubeObject => object;
const common = { user: apiserverUser, dryRun: false, warn: () => undefined };

async function change(registry: Registry, object: KubeObject): Promise<void> {
  const { name = "", namespace = "" } = object.metadata;
  try {
    await updateObject(registry, {
      ...common,
      served: servedFor(registry, object),
      namespace,
      name,
      subresource: "",
      fieldManager: "kube-apiserver",
      retry: false,
      change: () => structuredClone(object),
    });
  } catch (error) {
    // Another API server was there first, and does the same.
    if (!isConflict(error)) throw error;
  }
}

async function replace(registry: Registry, object: KubeObject): Promise<void> {
  const { name = "", namespace = "" } = object.metadata;
  const deletion = {
    dryRun: false,
    gracePeriodSeconds: undefined,
    propagation: undefined,
    uid: undefined,
    resourceVersion: undefined,
  };
  try {
    const served = servedFor(registry, object);
    const { item } = await deleteObject(registry, { ...common, served, namespace, name, deletion });
    await registry.cache.waitFor(item.revision);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  await ensure(registry, object);
}
