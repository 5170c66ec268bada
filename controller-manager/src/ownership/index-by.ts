import type { Informer } from "@coracle/shared/informer/informer.ts";
import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";

interface Owned {
  readonly metadata: ObjectMeta;
}

/** Indexes several controllers need on the same shared informer. Call from `setup`, before the informers start. */

const added = new WeakMap<object, Set<string>>();

function once<T>(informer: Informer<T>, index: string, values: (object: T) => readonly string[]): void {
  const names = added.get(informer) ?? new Set<string>();
  if (names.has(index)) return;
  names.add(index);
  added.set(informer, names);
  informer.addIndex(index, values);
}

const orphansOf = (namespace: string | undefined): string => `orphan:${namespace ?? ""}`;

/** By the uid of the controlling owner; objects nobody controls by their namespace. */
export const indexByController = <T extends Owned>(informer: Informer<T>): void =>
  once(informer, "controller", (o) => [controllerOf(o)?.uid ?? orphansOf(o.metadata.namespace)]);

/** The objects `owner` controls and those of its namespace that nobody controls: all it might claim. */
export const claimable = <T extends Owned>(informer: Informer<T>, owner: Owned): readonly T[] => [
  ...informer.byIndex("controller", owner.metadata.uid ?? ""),
  ...informer.byIndex("controller", orphansOf(owner.metadata.namespace)),
];

export const controlledBy = <T extends Owned>(informer: Informer<T>, uid: string): readonly T[] =>
  informer.byIndex("controller", uid);

export const indexByNamespace = <T extends Owned>(informer: Informer<T>): void =>
  once(informer, "namespace", (o) => [o.metadata.namespace ?? ""]);

export const inNamespace = <T extends Owned>(
  informer: Informer<T>,
  namespace: string | undefined,
): readonly T[] => informer.byIndex("namespace", namespace ?? "");

interface NodeBound {
  readonly spec?: { readonly nodeName?: string | undefined } | undefined;
}

export const indexByNode = <T extends NodeBound>(informer: Informer<T>): void =>
  once(informer, "node", (o) => [o.spec?.nodeName ?? ""]);

/** Pods bound to a node; `""` gives the unbound ones. */
export const onNode = <T extends NodeBound>(informer: Informer<T>, node: string): readonly T[] =>
  informer.byIndex("node", node);
