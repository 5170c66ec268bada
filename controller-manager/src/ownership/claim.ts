import type { Client } from "@coracle/shared/client/client.ts";
import { isInvalid, isNotFound } from "@coracle/shared/errors.ts";
import type { Resource } from "@coracle/shared/api/resources.ts";
import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import { controllerOf, controllerReferenceTo } from "@coracle/shared/meta/owners.ts";

export interface Claimed {
  readonly metadata: ObjectMeta;
}

export interface ClaimRequest<O extends Claimed, C extends Claimed> {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly owner: O;
  readonly ownerResource: Resource<O>;
  readonly childResource: Resource<C>;
  readonly matches: (child: C) => boolean;
  /** Finalizers to take along when adopting (Jobs track their pods by one) and to drop when releasing. */
  readonly finalizer?: string | undefined;
}

/**
 * The children of `owner` among `candidates`: those it controls and that still match stay, those that no longer match are released,
 * and matching ones that nobody controls are adopted. Ends, as upstream's ref manager does, with an uncached look at the owner before
 * the first adoption, so that a deleted owner adopts nothing.
 */
export async function claim<O extends Claimed, C extends Claimed>(
  request: ClaimRequest<O, C>,
  candidates: Iterable<C>,
): Promise<C[]> {
  const { owner, matches } = request;
  const deleting = owner.metadata.deletionTimestamp !== undefined;
  const mayAdopt = onceAsync(() => ownerIsAlive(request));
  const claimed: C[] = [];
  for (const child of candidates) {
    const ref = controllerOf(child);
    if (ref) {
      if (ref.uid !== owner.metadata.uid) continue;
      if (matches(child)) claimed.push(child);
      else if (!deleting) await release(request, child);
    } else if (!deleting && child.metadata.deletionTimestamp === undefined && matches(child)) {
      await mayAdopt();
      const adopted = await adopt(request, child);
      if (adopted) claimed.push(adopted);
    }
  }
  return claimed;
}

function onceAsync(run: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => (result ??= run());
}

async function ownerIsAlive<O extends Claimed, C extends Claimed>(r: ClaimRequest<O, C>): Promise<void> {
  const { name = "", namespace, uid } = r.owner.metadata;
  const fresh = await r.client.get(r.ownerResource, { name, namespace }, { signal: r.signal });
  if (fresh.metadata.uid !== uid)
    throw new Error(
      `original ${r.ownerResource.kind} ${namespace}/${name} is gone: got uid ${fresh.metadata.uid}, wanted ${uid}`,
    );
  if (fresh.metadata.deletionTimestamp !== undefined)
    throw new Error(`${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
}

async function adopt<O extends Claimed, C extends Claimed>(
  r: ClaimRequest<O, C>,
  child: C,
): Promise<C | undefined> {
  const { name = "", namespace, uid } = child.metadata;
  const metadata = {
    uid,
    ownerReferences: [controllerReferenceTo(r.ownerResource, r.owner)],
    ...(r.finalizer ? { finalizers: [r.finalizer] } : {}),
  };
  return r.client
    .patch(
      r.childResource,
      { name, namespace },
      { type: "strategic", body: { metadata } },
      { signal: r.signal },
    )
    .catch(goneOrReplaced);
}

async function release<O extends Claimed, C extends Claimed>(r: ClaimRequest<O, C>, child: C): Promise<void> {
  const { name = "", namespace, uid } = child.metadata;
  const metadata = {
    uid,
    ownerReferences: [{ $patch: "delete", uid: r.owner.metadata.uid }],
    ...(r.finalizer ? { "$deleteFromPrimitiveList/finalizers": [r.finalizer] } : {}),
  };
  await r.client
    .patch(
      r.childResource,
      { name, namespace },
      { type: "strategic", body: { metadata } },
      { signal: r.signal },
    )
    .catch(goneOrReplaced);
}

/** The child vanished, or another one took its name (the uid in the patch does not match): nothing to claim. */
function goneOrReplaced(error: unknown): undefined {
  if (isNotFound(error) || isInvalid(error)) return undefined;
  throw error;
}
