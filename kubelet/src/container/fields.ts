/** The downward API: fields of the pod and resources of its containers, as text. */
import type {
  Container,
  ObjectFieldSelector,
  Pod,
  ResourceFieldSelector,
} from "@coracle/shared/api/generated/core-v1.ts";
import { parseQuantity, quantityOf } from "@coracle/shared/meta/quantity.ts";

export interface Addresses {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
}

const SUBSCRIPT = /^metadata\.(labels|annotations)\['(.*)'\]$/;

/** One line per entry, keys sorted, values quoted. */
const printMap = (map: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");

/** @throws Error for a field that is not offered. */
export function fieldValue(pod: Pod, selector: ObjectFieldSelector, addresses: Addresses): string {
  const path = selector.fieldPath;
  const subscript = SUBSCRIPT.exec(path);
  if (subscript) {
    const map = subscript[1] === "labels" ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[subscript[2] ?? ""] ?? "";
  }
  switch (path) {
    case "metadata.name":
      return pod.metadata.name ?? "";
    case "metadata.namespace":
      return pod.metadata.namespace ?? "";
    case "metadata.uid":
      return pod.metadata.uid ?? "";
    case "metadata.labels":
      return printMap(pod.metadata.labels);
    case "metadata.annotations":
      return printMap(pod.metadata.annotations);
    case "spec.nodeName":
      return pod.spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "";
    case "status.podIP":
      return addresses.podIPs[0] ?? "";
    case "status.podIPs":
      return addresses.podIPs.join(",");
    case "status.hostIP":
      return addresses.hostIPs[0] ?? "";
    case "status.hostIPs":
      return addresses.hostIPs.join(",");
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

const BYTES = new Set(["memory", "ephemeral-storage"]);
const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/**
 * A container's request or limit in units of the divisor, rounded up. An absent limit is the pod's own, or what the node can
 * allocate; an absent request is the limit.
 * @throws Error for an unknown container or resource
 */
export function resourceValue(
  pod: Pod,
  selector: ResourceFieldSelector,
  own: string,
  allocatable: Readonly<Record<string, string>>,
): string {
  const name = selector.containerName || own;
  const container: Container | undefined = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
  ].find((c) => c.name === name);
  if (!container) throw new Error(`container ${name} not found`);
  const [kind, resource] = splitOnce(selector.resource);
  const known = resource === "cpu" || BYTES.has(resource) || resource.startsWith("hugepages-");
  if (!known || (kind !== "limits" && kind !== "requests"))
    throw new Error(`unsupported container resource : ${selector.resource}`);
  const limit = container.resources?.limits?.[resource];
  const request = container.resources?.requests?.[resource];
  const amount =
    kind === "limits"
      ? (limit ?? pod.spec?.resources?.limits?.[resource] ?? allocatable[resource])
      : (request ?? limit);
  const divisor =
    selector.divisor && selector.divisor !== "0" ? parseQuantity(selector.divisor) : quantityOf(1);
  return divideUp(parseQuantity(amount ?? "0").nanos, divisor.nanos).toString();
}

function splitOnce(text: string): [string, string] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text, ""] : [text.slice(0, dot), text.slice(dot + 1)];
}
