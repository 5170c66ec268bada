import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import type { Decision } from "../registry/registry.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import type { NodeGraph } from "./node-graph.ts";
import { vertex } from "./node-graph.ts";
import { rulesAllow } from "./rules.ts";

/** What a kubelet may do: its own node and lease, and what the pods bound to it use. */
export interface NodeAuthorizer {
  /** @returns undefined for a user that is no node */
  authorize(user: UserInfo, info: RequestInfo): Decision | undefined;
}

const userPrefix = "system:node:";

/** The node whose kubelet a user is; undefined for anybody else. */
export const nodeOfUser = (user: UserInfo): string | undefined =>
  user.username.startsWith(userPrefix) && user.groups.includes("system:nodes")
    ? user.username.slice(userPrefix.length) || undefined
    : undefined;

const allowed: Decision = { allowed: true, reason: "" };
const no = (reason: string): Decision => ({ allowed: false, reason });

/** @param rules what every node may do apart from the objects decided here: those of ClusterRole system:node */
export function createNodeAuthorizer(graph: NodeGraph, rules: readonly PolicyRule[]): NodeAuthorizer {
  const related = (node: string, info: RequestInfo, ...verbs: readonly string[]): Decision => {
    if (!verbs.includes(info.verb)) return no(`can only ${read(verbs)} individual resources of this type`);
    if (!info.name) return no("No Object name found");
    const resource = info.group ? `${info.resource}.${info.group}` : info.resource;
    if (graph.uses(node, vertex(resource, info.namespace, info.name))) return allowed;
    return no(`no relationship found between node '${node}' and this object`);
  };
  return {
    authorize(user, info) {
      const node = nodeOfUser(user);
      if (node === undefined) return undefined;
      const decided = info.isResource ? decide(node, info, related) : undefined;
      if (decided) return decided;
      return rulesAllow(rules, info) ? allowed : no("");
    },
  };
}

type Related = (node: string, info: RequestInfo, ...verbs: readonly string[]) => Decision;
const read = (verbs: readonly string[]): string => verbs.join(", ");

/** The resources whose answer depends on the object; undefined leaves it to the rules. */
function decide(node: string, info: RequestInfo, related: Related): Decision | undefined {
  const main = info.subresource === "";
  switch (info.group ? `${info.resource}.${info.group}` : info.resource) {
    case "secrets":
    case "configmaps":
      // A watch or list of one object counts as reading it.
      return main ? related(node, info, "get", "list", "watch") : no("cannot read subresources");
    case "persistentvolumeclaims":
      if (info.subresource === "status") return related(node, info, "get", "update", "patch");
      return related(node, info, "get");
    case "persistentvolumes":
    case "volumeattachments.storage.k8s.io":
    case "resourceclaims.resource.k8s.io":
      return main ? related(node, info, "get") : no("cannot read subresources");
    case "serviceaccounts":
      if (info.subresource === "token") return related(node, info, "create");
      return main ? related(node, info, "get") : no("only the token of a service account can be requested");
    case "pods":
      return decidePods(node, info, related);
    case "nodes":
      return decideNodes(node, info);
    case "leases.coordination.k8s.io":
      return decideLease(node, info);
    case "resourceslices.resource.k8s.io":
      return decideSlices(node, info, related);
    case "csinodes.storage.k8s.io":
      return ownObject(node, info, "CSINode");
    default:
      return undefined;
  }
}

function decidePods(node: string, info: RequestInfo, related: Related): Decision | undefined {
  if (info.verb === "get" && info.subresource === "") return related(node, info, "get");
  if (info.verb !== "list" && info.verb !== "watch") return undefined;
  if (selectsNode(info, node) || info.name) return info.name ? related(node, info, "list", "watch") : allowed;
  return no("can only list/watch pods with spec.nodeName field selector");
}

/** A node's own slices: NodeRestriction sees to it that it makes no others. */
function decideSlices(node: string, info: RequestInfo, related: Related): Decision {
  if (info.subresource) return no("cannot authorize ResourceSlice subresources");
  switch (info.verb) {
    case "create":
      return allowed;
    case "get":
    case "update":
    case "patch":
    case "delete":
      return related(node, info, "get", "update", "patch", "delete");
    case "list":
    case "watch":
    case "deletecollection":
      return selectsNode(info, node)
        ? allowed
        : no("can only list/watch/deletecollection resourceslices with nodeName field selector");
    default:
      return no(
        "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
      );
  }
}

const selectsNode = (info: RequestInfo, node: string): boolean =>
  info.fieldSelector
    ?.split(",")
    .some((term) => term === `spec.nodeName=${node}` || term === `spec.nodeName==${node}`) ?? false;

/** A node writes itself alone; it reads all, since it routes to their pods. */
function decideNodes(node: string, info: RequestInfo): Decision | undefined {
  if (!["update", "patch", "delete"].includes(info.verb) || info.name === node) return undefined;
  return no(`node '${node}' cannot write '${info.name}', only its own Node object`);
}

function decideLease(node: string, info: RequestInfo): Decision {
  if (!["get", "create", "update", "patch", "delete"].includes(info.verb)) {
    return no("can only get, create, update, patch, or delete a node lease");
  }
  if (info.namespace !== "kube-node-lease")
    return no('can only access leases in the "kube-node-lease" system namespace');
  // The name of an object being created is not in the path.
  if (info.name === node || (info.verb === "create" && info.name === "")) return allowed;
  return no("can only access node lease with the same name as the requesting node");
}

function ownObject(node: string, info: RequestInfo, kind: string): Decision {
  if (info.subresource) return no(`cannot read subresources`);
  if (info.verb === "create" && info.name === "") return allowed;
  if (!["get", "create", "update", "patch", "delete"].includes(info.verb)) {
    return no(`can only get, create, update, patch, or delete a ${kind}`);
  }
  return info.name === node
    ? allowed
    : no(`can only access ${kind} with the same name as the requesting node`);
}
