import { ApiError, forbidden, type StatusDetails } from "@coracle/shared/errors.ts";
import type { RequestInfo, UserInfo } from "../request.ts";

/** What a user may not do, in upstream's words: `User "x" cannot list resource "pods" in API group "" in the namespace "default"`. */
export function denialText(user: UserInfo, info: RequestInfo): string {
  const who = `User ${JSON.stringify(user.username)}`;
  if (!info.isResource) return `${who} cannot ${info.verb} path ${JSON.stringify(info.path)}`;
  const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  const where = info.namespace
    ? `in the namespace ${JSON.stringify(info.namespace)}`
    : "at the cluster scope";
  return `${who} cannot ${info.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)} ${where}`;
}

/** The 403 for a request that no authorizer allows. */
export function denied(user: UserInfo, info: RequestInfo, reason: string): ApiError {
  const text = denialText(user, info) + (reason ? `: ${reason}` : "");
  if (!info.isResource) {
    const none: StatusDetails = {};
    return new ApiError(403, "Forbidden", `forbidden: ${text}`, none);
  }
  return forbidden({ group: info.group, resource: info.resource }, info.name, text);
}
