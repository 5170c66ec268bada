import type { OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import type { Resource } from "@coracle/shared/api/resources.ts";
import { groupOf } from "@coracle/shared/meta/owners.ts";

/** The same kind in the same group, whatever the version. */
export const refersTo = (ref: OwnerReference, resource: Resource<unknown>): boolean =>
  ref.kind === resource.kind && groupOf(ref.apiVersion) === resource.group;
