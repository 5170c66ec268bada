import { nodeOfIdentity } from "@coracle/shared/bus/subjects.ts";
import type { UserInfo } from "../request.ts";

const AUTHENTICATED = "system:authenticated";

const COMPONENTS: Readonly<Record<string, string>> = {
  "controller-manager": "system:kube-controller-manager",
  scheduler: "system:kube-scheduler",
  "kube-proxy": "system:kube-proxy",
};

/** The user behind a bus identity; undefined for one that has no business with the API. */
export function userOfIdentity(identity: string): UserInfo | undefined {
  const node = nodeOfIdentity(identity);
  if (node !== undefined) return { username: `system:node:${node}`, groups: ["system:nodes", AUTHENTICATED] };
  const username = Object.hasOwn(COMPONENTS, identity) ? COMPONENTS[identity] : undefined;
  return username ? { username, groups: [AUTHENTICATED] } : undefined;
}

/** Whom managedFields and the audit log name for a request without a user agent: over the bus, the identity says as much. */
export const agentOfIdentity = (identity: string): string =>
  nodeOfIdentity(identity) === undefined
    ? (COMPONENTS[identity] ?? identity).replace(/^system:/, "")
    : "kubelet";
