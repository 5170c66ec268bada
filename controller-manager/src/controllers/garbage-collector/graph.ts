import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import type { Resource } from "@coracle/shared/api/resources.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";

/** Who owns whom, over all resources. Pure state: it says which nodes need a look, and does nothing to them. */

export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";

export interface GraphNode {
  readonly uid: string;
  resource: Resource<KubeObject> | undefined;
  /** For a node that is only known from references to it: what they say. */
  readonly reference: OwnerReference | undefined;
  namespace: string;
  name: string;
  owners: readonly OwnerReference[];
  readonly dependents: Set<string>;
  deleting: boolean;
  /** It waits, with the foreground finalizer, for its blocking dependents to go. */
  deletingDependents: boolean;
  /** It waits, with the orphan finalizer, for its dependents to be let go. */
  orphaning: boolean;
  /** Known from references only: it may not exist. */
  virtual: boolean;
}

export interface GraphEvents {
  /** Look whether this node is to be deleted, or may be released from its foreground deletion. */
  attemptDelete(uid: string): void;
  attemptOrphan(uid: string): void;
  /** An owner that a dependent names lives in another namespace than the dependent, where it can own nothing. */
  strayOwner(dependent: GraphNode, reference: OwnerReference): void;
}

export interface Graph {
  get(uid: string): GraphNode | undefined;
  upsert(resource: Resource<KubeObject>, object: KubeObject): void;
  remove(uid: string): void;
  /** One that is known from a reference only does not exist as that says: its dependents are to be looked at. */
  missed(uid: string): void;
  /** Dependents that must be gone before the node may. */
  blocking(node: GraphNode): GraphNode[];
  dependentsOf(node: GraphNode): GraphNode[];
  readonly size: number;
}

const sameOwners = (a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean =>
  a.length === b.length &&
  a.every((ref, i) => ref.uid === b[i]?.uid && ref.blockOwnerDeletion === b[i]?.blockOwnerDeletion);

export function createGraph(events: GraphEvents): Graph {
  const nodes = new Map<string, GraphNode>();
  const nodesOf = (uids: Iterable<string>): GraphNode[] => [...uids].flatMap((uid) => nodes.get(uid) ?? []);

  const link = (node: GraphNode, reference: OwnerReference): void => {
    const owner = nodes.get(reference.uid) ?? virtualNode(reference, node.namespace);
    owner.dependents.add(node.uid);
    if (nodes.has(reference.uid)) {
      if (owner.deletingDependents || owner.virtual) events.attemptDelete(node.uid);
      else if (isStray(owner, node)) tellStray(node, reference.uid);
      return;
    }
    nodes.set(reference.uid, owner);
    // Nobody has seen this owner: somebody must find out whether it exists.
    events.attemptDelete(reference.uid);
  };
  /** In its own namespace the dependent's owner does not exist: that is to be made sure of, and acted upon. */
  const tellStray = (dependent: GraphNode, owner: string): void => {
    const reference = dependent.owners.find((ref) => ref.uid === owner);
    if (reference) events.strayOwner(dependent, reference);
    events.attemptDelete(dependent.uid);
  };
  const unlink = (node: GraphNode, reference: OwnerReference): void => {
    const owner = nodes.get(reference.uid);
    if (!owner) return;
    owner.dependents.delete(node.uid);
    if (owner.deletingDependents) events.attemptDelete(owner.uid);
    if (owner.virtual && owner.dependents.size === 0) nodes.delete(owner.uid);
  };
  const setOwners = (node: GraphNode, owners: readonly OwnerReference[]): void => {
    if (sameOwners(node.owners, owners)) return;
    const [before, after] = [node.owners, owners];
    node.owners = owners;
    for (const ref of before) if (!after.some((o) => o.uid === ref.uid)) unlink(node, ref);
    for (const ref of after) {
      const old = before.find((o) => o.uid === ref.uid);
      if (!old) link(node, ref);
      else if (old.blockOwnerDeletion && !ref.blockOwnerDeletion && nodes.get(ref.uid)?.deletingDependents)
        events.attemptDelete(ref.uid);
    }
  };
  const transition = (node: GraphNode, object: KubeObject): void => {
    const finalizers = object.metadata.finalizers ?? [];
    node.deleting = object.metadata.deletionTimestamp !== undefined;
    const orphaning = node.deleting && finalizers.includes(ORPHAN);
    const deletingDependents = node.deleting && finalizers.includes(FOREGROUND);
    if (orphaning && !node.orphaning) events.attemptOrphan(node.uid);
    if (deletingDependents && !node.deletingDependents) {
      for (const uid of node.dependents) events.attemptDelete(uid);
      events.attemptDelete(node.uid);
    }
    node.orphaning = orphaning;
    node.deletingDependents = deletingDependents;
  };
  const adopt = (resource: Resource<KubeObject>, object: KubeObject, uid: string): GraphNode => {
    const known = nodes.get(uid);
    const node = known ?? emptyNode(uid);
    node.resource = resource;
    node.namespace = object.metadata.namespace ?? "";
    node.name = object.metadata.name ?? "";
    nodes.set(uid, node);
    if (node.virtual) {
      node.virtual = false;
      for (const dependent of nodesOf(node.dependents))
        if (isStray(node, dependent)) tellStray(dependent, uid);
    }
    return node;
  };

  return {
    get: (uid) => nodes.get(uid),
    upsert(resource, object) {
      const uid = object.metadata.uid;
      if (uid === undefined) return;
      const node = adopt(resource, object, uid);
      setOwners(node, object.metadata.ownerReferences ?? []);
      transition(node, object);
    },
    remove(uid) {
      const node = nodes.get(uid);
      if (!node) return;
      nodes.delete(uid);
      for (const ref of node.owners) unlink(node, ref);
      for (const dependent of node.dependents) events.attemptDelete(dependent);
    },
    missed(uid) {
      const node = nodes.get(uid);
      // It stays while it has dependents: the reference may be wrong, and the owner come after those that name it rightly.
      if (node?.virtual) for (const dependent of node.dependents) events.attemptDelete(dependent);
    },
    blocking: (node) =>
      nodesOf(node.dependents).filter((d) =>
        d.owners.some((ref) => ref.uid === node.uid && ref.blockOwnerDeletion),
      ),
    dependentsOf: (node) => nodesOf(node.dependents),
    get size() {
      return nodes.size;
    },
  };
}

/** A namespaced object owns within its namespace only. */
const isStray = (owner: GraphNode, dependent: GraphNode): boolean =>
  owner.resource?.namespaced === true && owner.namespace !== dependent.namespace;

const emptyNode = (uid: string, reference?: OwnerReference): GraphNode => ({
  uid,
  resource: undefined,
  reference,
  namespace: "",
  name: reference?.name ?? "",
  owners: [],
  dependents: new Set(),
  deleting: false,
  deletingDependents: false,
  orphaning: false,
  virtual: reference !== undefined,
});

const virtualNode = (reference: OwnerReference, namespace: string): GraphNode => {
  const node = emptyNode(reference.uid, reference);
  node.namespace = namespace;
  return node;
};
