/** Paths that lead through to something else: a process in a container, a port of a pod, another server. */
import { facts } from "../registry.ts";
import { capital, groupWord, type NameOf } from "./names.ts";
import type { Method, Operation, ServedKind, ServedSubresource } from "./served.ts";

const streamed: readonly Method[] = ["get", "post"];
const proxied: readonly Method[] = ["delete", "get", "head", "options", "patch", "post", "put"];

export interface ConnectPath {
  /** Whatever the other server has below the path itself. */
  readonly below: boolean;
  readonly operations: readonly Operation[];
}

/** The paths of a subresource with the verb `connect`; a proxy is open for any method, and for any path below. */
export function connectPaths(served: ServedKind, sub: ServedSubresource, nameOf: NameOf): ConnectPath[] {
  const { group, version, kind } = served;
  const gvk = { group: sub.group ?? "", version: sub.version ?? "v1", kind: sub.kind ?? kind };
  const word = groupWord(group);
  const query = facts.types[nameOf(gvk) ?? ""]?.fields.map(({ n }) => n) ?? [];
  const scope = served.namespaced ? "Namespaced" : "";
  const operation = (method: Method, below: boolean): Operation => ({
    method,
    id: `connect${capital(word)}${capital(version)}${capital(method)}${scope}${kind}${capital(sub.name)}${below ? "WithPath" : ""}`,
    action: "connect",
    gvk,
    description: `connect ${method.toUpperCase()} requests to ${sub.name} of ${kind}`,
    tag: `${word}_${version}`,
    query,
    codes: [200],
  });
  const isProxy = sub.name === "proxy";
  const methods = isProxy ? proxied : streamed;
  return (isProxy ? [false, true] : [false]).map((below) => ({
    below,
    operations: methods.map((method) => operation(method, below)),
  }));
}
