/** `AdmissionRequest`: a write as webhooks and expressions see it. */
import { randomUUID } from "node:crypto";
import type { AdmissionRequest } from "@coracle/shared/api/generated/admission-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Deletion } from "../../registry/delete-options.ts";
import type { Attributes } from "../plugin.ts";
import { versionOf } from "./match.ts";

export interface Shown {
  readonly version: string;
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

/** The request without its objects, which expressions see as variables of their own. */
export function requestOf(
  attributes: Attributes,
  version: string,
): Omit<AdmissionRequest, "object" | "oldObject"> {
  const { kind, body, operation, subresource, user, dryRun } = attributes;
  const { username, uid, groups, extra } = user;
  const own = versionOf(attributes);
  const gvk = (v: string): AdmissionRequest["kind"] =>
    body ? { ...body } : { group: kind.group, version: v, kind: kind.kind };
  const gvr = (v: string): AdmissionRequest["resource"] => ({
    group: kind.group,
    version: v,
    resource: kind.plural,
  });
  const namespace = kind.storage === "namespaces" ? attributes.name : attributes.namespace;
  return {
    uid: randomUUID(),
    kind: gvk(version),
    resource: gvr(version),
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: gvk(own),
    requestResource: gvr(own),
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(attributes.name ? { name: attributes.name } : {}),
    ...(namespace ? { namespace } : {}),
    operation,
    userInfo: {
      username,
      ...(uid ? { uid } : {}),
      groups: [...groups],
      ...(extra ? { extra: extra as Record<string, string[]> } : {}),
    },
    dryRun,
    options: optionsOf(attributes) as AdmissionRequest["options"],
  };
}

const optionKinds = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" } as const;

function optionsOf({ operation, dryRun, options }: Attributes): object | undefined {
  if (operation === "CONNECT") return undefined;
  const common = {
    kind: optionKinds[operation],
    apiVersion: "meta.k8s.io/v1",
    ...(dryRun ? { dryRun: ["All"] } : {}),
  };
  // Of a patch too: what is done to the object is what counts.
  if (operation !== "DELETE") return { ...common, ...options };
  const { gracePeriodSeconds, propagation, uid, resourceVersion } = (options ?? {}) as Partial<Deletion>;
  const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  return {
    ...common,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagation ? { propagationPolicy: propagation } : {}),
    ...(Object.keys(preconditions).length > 0 ? { preconditions } : {}),
  };
}
