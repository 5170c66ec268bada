import type { UserInfo } from "../request.ts";

export const authenticatedGroup = "system:authenticated";
export const unauthenticatedGroup = "system:unauthenticated";
export const mastersGroup = "system:masters";

/** Who asks without credentials. */
export const anonymous: UserInfo = { username: "system:anonymous", groups: [unauthenticatedGroup] };

/** Everybody who is somebody is in `system:authenticated`. */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.groups.includes(authenticatedGroup) || user.groups.includes(unauthenticatedGroup)) return user;
  return { ...user, groups: [...user.groups, authenticatedGroup] };
}

const accountPrefix = "system:serviceaccount:";

/** The user that a ServiceAccount is. */
export const serviceAccountUser = (namespace: string, name: string): string =>
  `${accountPrefix}${namespace}:${name}`;

export const serviceAccountGroups = (namespace: string): string[] => [
  "system:serviceaccounts",
  `system:serviceaccounts:${namespace}`,
];

/** Takes {@link serviceAccountUser} apart; undefined for other users. */
export function parseServiceAccountUser(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(accountPrefix)) return undefined;
  const [namespace, name, more] = username.slice(accountPrefix.length).split(":");
  return namespace && name && more === undefined ? { namespace, name } : undefined;
}
