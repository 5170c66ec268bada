import { badRequest } from "@coracle/shared/errors.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import type { Authorize } from "../authz/authorize.ts";
import { denied } from "../authz/denied.ts";
import { constrainedMode } from "./constrained-impersonation.ts";
import {
  anonymous,
  parseServiceAccountUser,
  serviceAccountGroups,
  withAuthenticatedGroup,
} from "./groups.ts";

type Headers = Readonly<Record<string, string | undefined>>;
const extraHeader = "impersonate-extra-";

/** What the Impersonate-* headers ask for. */
export interface Wanted {
  readonly username: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/**
 * The user a request is made as: its own, or the one its Impersonate-* headers name, when it may impersonate each part of it, for this
 * request or altogether.
 * @throws ApiError 403
 */
export function impersonate(
  headers: Headers,
  user: UserInfo,
  authorize: Authorize,
  request: RequestInfo,
): UserInfo {
  const username = headers["impersonate-user"];
  const uid = headers["impersonate-uid"];
  const groups = list(headers["impersonate-group"]);
  const extra = extrasOf(headers);
  if (!username) {
    if (uid || groups.length > 0 || Object.keys(extra).length > 0) {
      throw badRequest("requested groups, extras or a uid without impersonating a user");
    }
    return user;
  }
  const wanted = { username, uid, groups, extra };
  const constrained = constrainedMode(wanted, user, { authorize, request });
  if (!constrained) demandAll(wanted, user, authorize);
  const account = parseServiceAccountUser(username);
  const implied = account
    ? serviceAccountGroups(account.namespace)
    : constrained === "arbitrary-node" || constrained === "associated-node"
      ? [nodesGroup]
      : [];
  const all = groups.length === 0 ? implied : groups;
  if (username === anonymous.username)
    return { ...anonymous, groups: [...new Set([...all, ...anonymous.groups])] };
  return withAuthenticatedGroup({
    username,
    groups: all,
    ...(uid ? { uid } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  });
}

const nodesGroup = "system:nodes";

/** The permission that is good for whatever the other user may do. @throws ApiError 403 */
function demandAll({ username, uid, groups, extra }: Wanted, user: UserInfo, authorize: Authorize): void {
  const demand = (resource: string, name: string, more: Partial<RequestInfo> = {}): void => {
    const info = { ...base, resource, name, ...more };
    const decision = authorize(user, info);
    if (!decision.allowed) throw denied(user, info, decision.reason);
  };
  const account = parseServiceAccountUser(username);
  if (account) demand("serviceaccounts", account.name, { namespace: account.namespace });
  else demand("users", username);
  for (const group of groups) demand("groups", group);
  const authentication = { group: "authentication.k8s.io", version: "v1" };
  if (uid) demand("uids", uid, authentication);
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) demand("userextras", value, { ...authentication, subresource: key });
  }
}

const base: RequestInfo = {
  isResource: true,
  verb: "impersonate",
  path: "",
  group: "",
  version: "v1",
  resource: "",
  subresource: "",
  namespace: "",
  name: "",
};

/** Repeated headers arrive one to a line: a name of a group may have commas in it. */
const list = (value: string | undefined): string[] => (value ?? "").split("\n").filter(Boolean);

function extrasOf(headers: Headers): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(extraHeader)) extra[decode(name.slice(extraHeader.length))] = list(value);
  }
  return extra;
}

function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
