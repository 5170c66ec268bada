import { ApiError } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import type { CachedObject } from "../watch/cache.ts";
import { deletionOf, type Deletion } from "./delete-options.ts";
import { deleteObject } from "./delete-object.ts";
import { warnOfDefault } from "./delete.ts";
import { listPage } from "./list.ts";
import type { Call, Registry } from "./registry.ts";
import { respondList } from "./respond.ts";

/** Deletions under way at once for one request. */
const workers = 16;

/** DELETE of a collection: every object that the selectors match, in the order of its name. */
export async function deleteCollection(registry: Registry, call: Call): Promise<ApiResponse> {
  const deletion = deletionOf(call.request);
  warnOfDefault(call, deletion);
  const page = await listPage(registry, call);
  const queue = page.items.values();
  const work = async (): Promise<void> => {
    for (const item of queue) await deleteIfThere(registry, call, { deletion, item });
  };
  await Promise.all(Array.from({ length: Math.min(workers, page.items.length) }, work));
  return respondList(call.request, call.served, page);
}

interface One {
  readonly deletion: Deletion;
  readonly item: CachedObject;
}

async function deleteIfThere(registry: Registry, call: Call, { deletion, item }: One): Promise<void> {
  const { served, user, warn } = call;
  try {
    await deleteObject(registry, {
      served,
      namespace: item.key.namespace,
      name: item.key.name,
      user,
      deletion,
      warn,
    });
  } catch (error) {
    // Somebody else was faster.
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}
