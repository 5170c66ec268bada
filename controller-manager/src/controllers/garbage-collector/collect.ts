import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import type { Resource } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { FOREGROUND, ORPHAN, type Graph, type GraphNode } from "./graph.ts";

/** What is done about a node that needs a look. Every decision is checked against the live objects: caches only say where to look. */
export interface Collector {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly graph: Graph;
  /** The resource of a kind; throws while the kind is unknown, since an unknown owner is not an absent one. */
  resourceOf(apiVersion: string, kind: string): Promise<Resource<KubeObject>>;
  /** Owners that were looked for and not found, as a namespace and a whole reference: another one to the same uid may be right. */
  readonly absent: { has(key: string): boolean; add(key: string): void };
  again(uid: string): void;
}

interface Coordinates {
  readonly resource: Resource<KubeObject>;
  readonly namespace: string;
  readonly name: string;
}

async function live(c: Collector, at: Coordinates): Promise<KubeObject | undefined> {
  const namespace = at.resource.namespaced ? at.namespace : "";
  return c.client
    .get(at.resource, { name: at.name, namespace }, { signal: c.signal })
    .catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
}

export async function attemptDelete(c: Collector, uid: string): Promise<void> {
  const node = c.graph.get(uid);
  if (!node) return;
  if (node.virtual || !node.resource) return verifyVirtual(c, node);
  if (node.deleting && !node.deletingDependents) return undefined;
  const at = { resource: node.resource, namespace: node.namespace, name: node.name };
  const object = await live(c, at);
  if (!object || object.metadata.uid !== uid) {
    c.graph.remove(uid);
    return undefined;
  }
  if (node.deletingDependents) return releaseWhenEmpty(c, node, at, object);
  return judge(c, node, at, object);
}

/** The owner in somebody's reference: if it does not exist, its dependents are looked at. */
async function verifyVirtual(c: Collector, node: GraphNode): Promise<void> {
  if (!node.reference) return;
  const resource = await c.resourceOf(node.reference.apiVersion, node.reference.kind);
  if (isUnresolvable(resource, node.namespace)) return;
  const object = await live(c, { resource, namespace: node.namespace, name: node.reference.name });
  // If it does exist its informer is about to show it.
  if (object?.metadata.uid === node.uid) return;
  c.graph.missed(node.uid);
}

/** Foreground deletion ends when no dependent blocks it any more. */
async function releaseWhenEmpty(
  c: Collector,
  node: GraphNode,
  at: Coordinates,
  object: KubeObject,
): Promise<void> {
  const blocking = c.graph.blocking(node);
  if (blocking.length === 0) return removeFinalizer(c, at, object, FOREGROUND);
  for (const dependent of blocking) if (!dependent.deletingDependents) c.again(dependent.uid);
}

/** A cluster-scoped object that names a namespaced owner does not say in which namespace: nobody can tell that it is gone. */
const isUnresolvable = (owner: Resource<KubeObject>, namespaceOfDependent: string): boolean =>
  owner.namespaced && namespaceOfDependent === "";

interface Classified {
  readonly solid: OwnerReference[];
  readonly dangling: OwnerReference[];
  readonly waiting: OwnerReference[];
}

/** @returns undefined when an owner cannot be looked for, ever */
async function classify(c: Collector, at: Coordinates, object: KubeObject): Promise<Classified | undefined> {
  const result: Classified = { solid: [], dangling: [], waiting: [] };
  for (const ref of object.metadata.ownerReferences ?? []) {
    const key = [at.namespace, ref.apiVersion, ref.kind, ref.name, ref.uid].join(" ");
    if (c.absent.has(key)) {
      result.dangling.push(ref);
      continue;
    }
    const resource = await c.resourceOf(ref.apiVersion, ref.kind);
    if (isUnresolvable(resource, at.namespace)) return undefined;
    const owner = await live(c, { resource, namespace: at.namespace, name: ref.name });
    if (owner?.metadata.uid !== ref.uid) {
      c.absent.add(key);
      result.dangling.push(ref);
    } else if (owner.metadata.deletionTimestamp && owner.metadata.finalizers?.includes(FOREGROUND))
      result.waiting.push(ref);
    else result.solid.push(ref);
  }
  return result;
}

/** Keeps, unburdens or deletes an object by what has become of its owners. */
async function judge(c: Collector, node: GraphNode, at: Coordinates, object: KubeObject): Promise<void> {
  const references = object.metadata.ownerReferences ?? [];
  if (references.length === 0) return undefined;
  const owners = await classify(c, at, object);
  if (!owners) return undefined;
  const { solid, dangling, waiting } = owners;
  if (solid.length > 0) {
    if (dangling.length + waiting.length === 0) return undefined;
    return patchMeta(c, at, object, { ownerReferences: solid });
  }
  if (waiting.length > 0 && node.dependents.size > 0) {
    // A circle of foreground deletions would wait for itself for ever: this link stops blocking.
    if (c.graph.dependentsOf(node).some((d) => d.deletingDependents))
      await patchMeta(c, at, object, {
        ownerReferences: references.map((r) => ({ ...r, blockOwnerDeletion: false })),
      });
    return deleteObject(c, at, object, "Foreground");
  }
  const finalizers = object.metadata.finalizers ?? [];
  const policy = finalizers.includes(ORPHAN)
    ? "Orphan"
    : finalizers.includes(FOREGROUND)
      ? "Foreground"
      : "Background";
  return deleteObject(c, at, object, policy);
}

/** Lets all dependents go, then the owner. */
export async function attemptOrphan(c: Collector, uid: string): Promise<void> {
  const node = c.graph.get(uid);
  if (!node?.resource || !node.orphaning) return;
  for (const dependent of c.graph.dependentsOf(node)) {
    if (!dependent.resource) continue;
    const at = { resource: dependent.resource, namespace: dependent.namespace, name: dependent.name };
    const object = await live(c, at);
    if (object?.metadata.uid !== dependent.uid) continue;
    const references = object.metadata.ownerReferences ?? [];
    const left = references.filter((r) => r.uid !== uid);
    if (left.length < references.length) await patchMeta(c, at, object, { ownerReferences: left });
  }
  const at = { resource: node.resource, namespace: node.namespace, name: node.name };
  const owner = await live(c, at);
  if (owner?.metadata.uid === uid) await removeFinalizer(c, at, owner, ORPHAN);
}

async function removeFinalizer(
  c: Collector,
  at: Coordinates,
  object: KubeObject,
  finalizer: string,
): Promise<void> {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return;
  await patchMeta(c, at, object, { finalizers: finalizers.filter((f) => f !== finalizer) });
}

/** A merge patch, since custom resources know no other, bound to the version it was made from. */
async function patchMeta(c: Collector, at: Coordinates, object: KubeObject, metadata: object): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  await c.client
    .patch(
      at.resource,
      { name: at.name, namespace: at.resource.namespaced ? at.namespace : "" },
      { type: "merge", body: { metadata: { uid, resourceVersion, ...metadata } } },
      { signal: c.signal },
    )
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}

async function deleteObject(
  c: Collector,
  at: Coordinates,
  object: KubeObject,
  propagationPolicy: "Orphan" | "Foreground" | "Background",
): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  try {
    await c.client.delete(
      at.resource,
      { name: at.name, namespace: at.resource.namespaced ? at.namespace : "" },
      { signal: c.signal, propagationPolicy, preconditions: { uid, resourceVersion } },
    );
  } catch (error) {
    if (isNotFound(error)) return;
    // It changed since it was read, perhaps its owners: look again.
    if (isConflict(error)) c.again(uid ?? "");
    else throw error;
  }
}
