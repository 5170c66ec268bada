import { isAlreadyExists } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { clone, equal } from "../../patch/json.ts";
import type { UserInfo } from "../../request.ts";
import { createObject } from "../create-object.ts";
import { keyFor, type Registry } from "../registry.ts";
import type { ServedResource } from "../resources.ts";
import { updateObject } from "../update-object.ts";

/** The API server itself, when it writes. */
export const apiserverUser: UserInfo = { username: "system:apiserver", groups: ["system:masters"] };

/** Where an object belongs. @throws Error for a kind that is not served */
export function servedFor(registry: Registry, object: KubeObject): ServedResource {
  const [version = "", group = ""] = (object.apiVersion ?? "").split("/").toReversed();
  const served = registry.resources.findKind(group, version, object.kind ?? "");
  if (!served) throw new Error(`${object.apiVersion} ${object.kind} is not served`);
  return served;
}

/** Creates an object unless there is one of its name; another API server may be doing the same. */
export async function ensure(registry: Registry, object: KubeObject): Promise<void> {
  const served = servedFor(registry, object);
  const { name = "", namespace = "" } = object.metadata;
  if (registry.cache.get(keyFor(served.kind, namespace, name))) return;
  try {
    const created = await createObject(
      registry,
      {
        served,
        namespace,
        user: apiserverUser,
        dryRun: false,
        fieldManager: "kube-apiserver",
        warn: () => undefined,
      },
      clone(object),
    );
    // What is made next may need this.
    await registry.cache.waitFor(created.revision);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** The same for what is derived from the server's own files: an object whose data is of older ones is brought up to date. */
export async function ensureData(registry: Registry, object: KubeObject): Promise<void> {
  await ensure(registry, object);
  const served = servedFor(registry, object);
  const { name = "", namespace = "" } = object.metadata;
  const known = registry.cache.get(keyFor(served.kind, namespace, name))?.object;
  if (known && equal(known["data"], object["data"])) return;
  await updateObject(registry, {
    served,
    namespace,
    name,
    subresource: "",
    user: apiserverUser,
    dryRun: false,
    fieldManager: "kube-apiserver",
    warn: () => undefined,
    retry: true,
    change: (current) => ({ ...clone(current.object), data: clone(object["data"]) }),
  });
}
