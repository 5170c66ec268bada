import { mastersGroup } from "../authn/groups.ts";
import type { Authorize, Decision } from "../registry/registry.ts";
import type { NodeAuthorizer } from "./node.ts";
import type { Rbac } from "./rbac.ts";

export type { Authorize, Decision } from "../registry/registry.ts";

/** The authorizers in order: system:masters may do everything, nodes what their pods need, everybody what RBAC gives. */
export function createAuthorize({ rbac, node }: { rbac: Rbac; node: NodeAuthorizer }): Authorize {
  return (user, info) => {
    if (user.groups.includes(mastersGroup)) return { allowed: true, reason: "" };
    const ofNode: Decision | undefined = node.authorize(user, info);
    if (ofNode?.allowed) return ofNode;
    const byRole = rbac.authorize(user, info);
    if (byRole.allowed || !ofNode?.reason) return byRole;
    return { allowed: false, reason: [ofNode.reason, byRole.reason].filter(Boolean).join("\n") };
  };
}
