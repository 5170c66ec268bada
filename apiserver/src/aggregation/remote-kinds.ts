/** Kinds of extension servers, as far as discovery shows them; requests for them go to their server. */
import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { isObject } from "../patch/json.ts";
import { defineKind, type Kind } from "../registry/kind.ts";

/** `APIResource` of an APIResourceList. */
interface Resource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly kind: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** The kinds that an extension server lists for a group and version. */
export function remoteKinds({ spec }: APIService, list: unknown): Kind[] {
  const all = isObject(list) && Array.isArray(list["resources"]) ? (list["resources"] as Resource[]) : [];
  const { group = "", version = "" } = spec ?? {};
  return all
    .filter((resource) => typeof resource.name === "string" && !resource.name.includes("/"))
    .map((resource) => ({
      ...defineKind<KubeObject>({
        group,
        versions: [version],
        kind: resource.kind,
        plural: resource.name,
        shortNames: [...(resource.shortNames ?? [])],
        categories: [...(resource.categories ?? [])],
        namespaced: resource.namespaced === true,
        status: all.some((other) => other.name === `${resource.name}/status`),
      }),
      singular: resource.singularName || resource.kind.toLowerCase(),
      verbs: [...(resource.verbs ?? [])],
    }));
}
