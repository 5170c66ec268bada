import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pods as podResource } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { deleteRevision, hashLabelOf, REVISION_HASH, type History } from "../../rollout/history.ts";

export interface Merged {
  readonly history: History;
  readonly pods: readonly Pod[];
}

/**
 * Of several revisions with the present template the newest stays. Pods of the others take its hash, so that none is replaced for
 * nothing but another name of its template; a revision goes only when the cache shows no pod of it any more.
 */
export async function mergeDuplicates(
  ctx: ControllerContext,
  history: History,
  pods: readonly Pod[],
): Promise<Merged> {
  if (history.duplicates.length === 0) return { history, pods };
  const hash = hashLabelOf(history.current);
  const stale = new Set(history.duplicates.map(hashLabelOf));
  stale.delete(hash);
  const isStale = (pod: Pod): boolean => stale.has(pod.metadata.labels?.[REVISION_HASH] ?? "");
  const relabelled: Pod[] = [];
  for (const pod of pods) relabelled.push(isStale(pod) ? await relabel(ctx, pod, hash) : pod);
  if (!pods.some(isStale)) for (const revision of history.duplicates) await deleteRevision(ctx, revision);
  const old = history.old.filter((revision) => !history.duplicates.includes(revision));
  return { history: { ...history, old, duplicates: [] }, pods: relabelled };
}

function relabel(ctx: ControllerContext, pod: Pod, hash: string): Promise<Pod> {
  const { name = "", namespace, uid } = pod.metadata;
  const body = { metadata: { uid, labels: { [REVISION_HASH]: hash } } };
  return ctx.client.patch(
    podResource,
    { name, namespace },
    { type: "strategic", body },
    { signal: ctx.signal },
  );
}
