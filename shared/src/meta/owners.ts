import type { ObjectMeta, OwnerReference } from "../api/generated/meta-v1.ts";
import { apiVersionOf, type Resource } from "../api/resources.ts";

interface HasMeta {
  readonly metadata: ObjectMeta;
}

/** The reference of the controller that manages the object, if any. */
export const controllerOf = (object: HasMeta): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((reference) => reference.controller === true);

export const isControlledBy = (object: HasMeta, owner: HasMeta): boolean =>
  controllerOf(object)?.uid === owner.metadata.uid;

/** A reference from an owned object; not the controlling one. */
export const ownerReferenceTo = (
  resource: Pick<Resource<unknown>, "group" | "version" | "kind">,
  owner: HasMeta,
): OwnerReference => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  name: owner.metadata.name ?? "",
  uid: owner.metadata.uid ?? "",
});

/** The reference a controller puts on what it makes: it controls, and blocks foreground deletion. */
export const controllerReferenceTo = (
  resource: Pick<Resource<unknown>, "group" | "version" | "kind">,
  owner: HasMeta,
): OwnerReference => ({ ...ownerReferenceTo(resource, owner), controller: true, blockOwnerDeletion: true });

/** The group of a reference's apiVersion: `apps` of `apps/v1`, "" of `v1`. */
export const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
};
