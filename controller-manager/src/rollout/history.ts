import type { ControllerRevision } from "@coracle/shared/api/generated/apps-v1.ts";
import type { PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { LabelSelector, ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import { controllerRevisions, type Resource } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isAlreadyExists, isNotFound } from "@coracle/shared/errors.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerOf, controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { semanticEqual } from "../canonical.ts";
import { claim } from "../ownership/claim.ts";
import { claimable } from "../ownership/index-by.ts";
import { refersTo } from "../ownership/refs.ts";
import { hashOf } from "./hash.ts";

/** The ControllerRevisions of a DaemonSet or StatefulSet: one for each pod template it has had. */

export const REVISION_HASH = "controller-revision-hash";

export interface Historied {
  metadata: ObjectMeta;
  spec?: { selector: LabelSelector; template: PodTemplateSpec } | undefined;
  status?: { collisionCount?: number | undefined } | undefined;
}

export interface History {
  /** The revision of the present template. */
  readonly current: ControllerRevision;
  /** The others, oldest first. */
  readonly old: readonly ControllerRevision[];
  /** Those of `old` that have the present template too. */
  readonly duplicates: readonly ControllerRevision[];
  /** Set when a name was taken by another template: to be stored in the owner's status. */
  readonly collisionCount: number | undefined;
}

/** What a revision remembers, in the form `kubectl rollout undo` sends back as a patch. */
export const revisionData = (template: PodTemplateSpec): Record<string, unknown> => ({
  spec: { template: { ...structuredClone(template), $patch: "replace" } },
});

/** Under which label a revision carries its hash: the kinds differ, as upstream. */
export type HashLabel = typeof REVISION_HASH | "controller.kubernetes.io/hash";

export const hashLabelOf = (revision: ControllerRevision): string =>
  revision.metadata.labels?.[REVISION_HASH] ?? "";

const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1);

/** The template a revision remembers. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const spec = revision.data?.["spec"] as { template?: PodTemplateSpec & { $patch?: string } } | undefined;
  const { $patch: _patch, ...template } = spec?.template ?? {};
  return template;
}

/** The revisions with the present template's among them, made or renumbered when need be. */
export async function syncHistory<T extends Historied>(
  ctx: ControllerContext,
  owner: T,
  resource: Resource<T>,
  label: HashLabel = REVISION_HASH,
): Promise<History> {
  const selector = selectorFromObject(owner.spec?.selector);
  const revisions = await claim(
    {
      client: ctx.client,
      signal: ctx.signal,
      owner,
      ownerResource: resource,
      childResource: controllerRevisions,
      matches: (r) => selector.matches(r.metadata.labels),
    },
    claimable(ctx.informers.for(controllerRevisions), owner),
  );
  const sorted = revisions.toSorted(byRevision);
  const data = revisionData(owner.spec?.template ?? {});
  const alike = sorted.filter((r) => semanticEqual(r.data, data));
  const equal = alike.at(-1);
  const others = sorted.filter((r) => r !== equal);
  const next = (others.at(-1)?.revision ?? 0) + 1;
  if (!equal) {
    const made = await createRevision(ctx, owner, resource, { data, revision: next, label });
    return { ...made, old: others, duplicates: [] };
  }
  const current =
    equal.revision >= next
      ? equal
      : await ctx.client.update(controllerRevisions, { ...equal, revision: next }, { signal: ctx.signal });
  const duplicates = alike.slice(0, -1);
  return { current, old: others, duplicates, collisionCount: owner.status?.collisionCount };
}

interface NewRevision {
  readonly data: Record<string, unknown>;
  readonly revision: number;
  readonly label: HashLabel;
}

async function createRevision<T extends Historied>(
  ctx: ControllerContext,
  owner: T,
  resource: Resource<T>,
  { data, revision, label }: NewRevision,
): Promise<Pick<History, "current" | "collisionCount">> {
  const { namespace } = owner.metadata;
  for (let collisions = owner.status?.collisionCount ?? 0; ; collisions++) {
    ctx.signal.throwIfAborted();
    const hash = hashOf(data, collisions);
    const name = `${owner.metadata.name}-${hash}`;
    const labels = { ...owner.spec?.template.metadata?.labels, [label]: hash };
    const made: ControllerRevision = {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name,
        namespace,
        labels,
        ...(owner.metadata.annotations ? { annotations: owner.metadata.annotations } : {}),
        ownerReferences: [controllerReferenceTo(resource, owner)],
      },
      data,
      revision,
    };
    const collisionCount = collisions === 0 ? owner.status?.collisionCount : collisions;
    try {
      return {
        current: await ctx.client.create(controllerRevisions, made, { signal: ctx.signal }),
        collisionCount,
      };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const existing = await ctx.client.get(controllerRevisions, { name, namespace }, { signal: ctx.signal });
      if (controllerOf(existing)?.uid === owner.metadata.uid && semanticEqual(existing.data, data))
        return { current: existing, collisionCount };
    }
  }
}

/** Deletes the oldest revisions beyond `limit` that no pod runs any more. */
export async function trimHistory(
  ctx: ControllerContext,
  old: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  limit: number,
): Promise<void> {
  const idle = old.filter((r) => !live.has(hashLabelOf(r)) && !live.has(r.metadata.name ?? ""));
  for (const revision of idle.slice(0, Math.max(0, idle.length - limit))) await deleteRevision(ctx, revision);
}

export async function deleteRevision(ctx: ControllerContext, revision: ControllerRevision): Promise<void> {
  const { name = "", namespace } = revision.metadata;
  await ctx.client
    .delete(controllerRevisions, { name, namespace }, { signal: ctx.signal })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}

/**
 * The owner of a revision looks again at whatever happens to it. Most that arrive are the owner's own work, but not all (a second
 * manager's, one put back from a backup), and one that the cache has after the owner's last look would otherwise be seen by nobody.
 */
export function keysOfRevision(
  revision: KubeObject,
  old: KubeObject | undefined,
  owner: Resource<unknown>,
): string[] {
  return [revision, old].flatMap((state) => {
    const ref = state && controllerOf(state);
    return ref && refersTo(ref, owner) ? [`${revision.metadata.namespace}/${ref.name}`] : [];
  });
}
