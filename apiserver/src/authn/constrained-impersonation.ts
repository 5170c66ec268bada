import type { Authorize } from "../authz/authorize.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import { parseServiceAccountUser } from "./groups.ts";
import type { Wanted } from "./impersonate.ts";

/** Kinds of identities that may be impersonated for certain requests only; each has verbs of its own. */
export type Mode = "associated-node" | "arbitrary-node" | "serviceaccount" | "user-info";

interface Target {
  readonly resource: string;
  readonly name: string;
  readonly namespace?: string;
  readonly subresource?: string;
}

interface Candidate {
  readonly mode: Mode;
  /** Each part of the identity, as `impersonate:<mode>` is asked about it. */
  readonly targets: readonly Target[];
}

const nodePrefix = "system:node:";
/** The token of a pod says on which node the pod is. */
const ownNode = "authentication.kubernetes.io/node-name";

export interface Asked {
  readonly authorize: Authorize;
  readonly request: RequestInfo;
}

/**
 * The mode in which a user may be somebody else for this request: it needs `impersonate:<mode>` on the whole identity, and
 * `impersonate-on:<mode>:<verb>` on what is requested. Undefined when there is none, which leaves the permission to impersonate
 * without constraint.
 */
export function constrainedMode(
  wanted: Wanted,
  user: UserInfo,
  { authorize, request }: Asked,
): Mode | undefined {
  return candidates(wanted, user).find(({ mode, targets }) => {
    if (!authorize(user, { ...request, verb: `impersonate-on:${mode}:${request.verb}` }).allowed)
      return false;
    return targets.every((target) => authorize(user, identity(mode, target)).allowed);
  })?.mode;
}

const identity = (mode: Mode, target: Target): RequestInfo => ({
  isResource: true,
  verb: `impersonate:${mode}`,
  path: "",
  group: "authentication.k8s.io",
  version: "v1",
  subresource: "",
  namespace: "",
  ...target,
});

/** The narrowest first. Nodes and ServiceAccounts are what their names say, and cannot be given anything more. */
function candidates(wanted: Wanted, user: UserInfo): Candidate[] {
  const { username, uid, groups, extra } = wanted;
  const bare = !uid && groups.length === 0 && Object.keys(extra).length === 0;
  if (username.startsWith(nodePrefix)) {
    if (!bare) return [];
    const name = username.slice(nodePrefix.length);
    const arbitrary: Candidate = { mode: "arbitrary-node", targets: [{ resource: "nodes", name }] };
    return isOn(user, name)
      ? [{ mode: "associated-node", targets: [{ resource: "nodes", name: "*" }] }, arbitrary]
      : [arbitrary];
  }
  const account = parseServiceAccountUser(username);
  if (account)
    return bare ? [{ mode: "serviceaccount", targets: [{ resource: "serviceaccounts", ...account }] }] : [];
  const targets = [
    { resource: "users", name: username },
    ...(uid ? [{ resource: "uids", name: uid }] : []),
    ...groups.map((name) => ({ resource: "groups", name })),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map((name) => ({ resource: "userextras", subresource, name })),
    ),
  ];
  return [{ mode: "user-info", targets }];
}

const isOn = ({ username, extra }: UserInfo, node: string): boolean =>
  parseServiceAccountUser(username) !== undefined &&
  extra?.[ownNode]?.length === 1 &&
  extra[ownNode][0] === node;
