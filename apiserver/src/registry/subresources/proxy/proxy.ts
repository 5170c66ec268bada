import type { Endpoint, EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import type { Node, Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { badRequest, notFound, pathNotFound, serviceUnavailable } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../../../request.ts";
import type { Handler } from "../../handler.ts";
import { keyFor, groupResource, readConsistent, type Call, type Registry } from "../../registry.ts";
import { admitConnect } from "../connect.ts";
import type { Subresource } from "../subresource.ts";
import { forwardHttp, type Forwarding, type ProxyTarget } from "./forward.ts";

/** `pods/https:web:8443/proxy`: a name may carry a scheme and a port. */
interface ProxyName {
  readonly scheme: "http" | "https";
  readonly name: string;
  readonly port: string;
}

/** @throws ApiError 400 */
function parseName(text: string, kind: "node" | "pod" | "service"): ProxyName {
  const parts = text.split(":");
  if (parts.length === 1) return { scheme: "http", name: text, port: "" };
  if (parts.length === 2) return { scheme: "http", name: parts[0] ?? "", port: parts[1] ?? "" };
  const [scheme = "", name = "", port = "", ...rest] = parts;
  if (rest.length > 0 || (scheme !== "" && scheme !== "http" && scheme !== "https")) {
    throw badRequest(`invalid ${kind} request ${JSON.stringify(text)}`);
  }
  return { scheme: scheme === "https" ? "https" : "http", name, port };
}

type Resolve = (registry: Registry, call: Call, name: ProxyName) => Promise<ProxyTarget>;

const resolvers = { node: toNode, pod: toPod, service: toService } satisfies Record<string, Resolve>;
type ProxiedKind = keyof typeof resolvers;
const kindOf: Readonly<Record<string, ProxiedKind>> = { nodes: "node", pods: "pod", services: "service" };

/**
 * Finds what a request to `…/proxy` means, and opens a session with its node. The caller ends the session.
 * @throws ApiError 400, 404, 503
 */
export async function openProxy(registry: Registry, call: Call): Promise<Forwarding> {
  const target = await resolve(registry, call);
  if (!registry.openNode) throw serviceUnavailable("this server has no connection to the nodes");
  const session = await registry.openNode(target.node, "proxy", target.message, call.request.signal);
  return { target, session, path: subpathOf(call) || "/" };
}

async function resolve(registry: Registry, call: Call): Promise<ProxyTarget> {
  const kind = kindOf[call.served.kind.storage];
  if (!kind) throw pathNotFound();
  const target = await resolvers[kind](registry, call, parseName(call.info.name, kind));
  await admitConnect(registry, call, optionsOf[kind].kind);
  return target;
}

/** What follows `/proxy` in the path, with its slashes: "" for `…/proxy` and "/" for `…/proxy/`. */
const subpathOf = ({ info }: Call): string =>
  info.subpath === undefined ? (info.path.endsWith("/") ? "/" : "") : `/${info.subpath}`;

const handler: Handler = async (registry, call) => {
  const { request } = call;
  // Relative links of the answer would lead beside the proxy; https://issue.k8s.io/4958.
  if (subpathOf(call) === "" && (request.method === "GET" || request.method === "HEAD")) {
    await resolve(registry, call);
    return moved(`${encodeURI(request.path)}/${request.rawQuery ? `?${request.rawQuery}` : ""}`);
  }
  return forwardHttp(request, await openProxy(registry, call));
};

const moved = (location: string): ApiResponse => ({ status: 301, headers: { location }, body: "" });

const proxy = (kind: string): Subresource => ({
  verbs: {
    create: handler,
    delete: handler,
    get: handler,
    options: handler,
    patch: handler,
    update: handler,
  },
  kind: { group: "", version: "v1", kind },
  connect: true,
});

export const podProxy = proxy("PodProxyOptions");
export const serviceProxy = proxy("ServiceProxyOptions");
export const nodeProxy = proxy("NodeProxyOptions");

const optionsOf: Readonly<Record<ProxiedKind, Subresource>> = {
  node: nodeProxy,
  pod: podProxy,
  service: serviceProxy,
};

async function named<T>(registry: Registry, { served, info }: Call, name: string): Promise<T> {
  const item = await readConsistent(registry, keyFor(served.kind, info.namespace, name));
  if (!item) throw notFound(groupResource(served.kind), name);
  return item.object as T;
}

async function toPod(
  registry: Registry,
  call: Call,
  { scheme, name, port }: ProxyName,
): Promise<ProxyTarget> {
  const pod = await named<Pod>(registry, call, name);
  const first = pod.spec?.containers.find((c) => c.ports?.length)?.ports?.[0]?.containerPort;
  return podTarget(pod, portNumber(port) ?? first ?? (scheme === "https" ? 443 : 80), scheme);
}

function podTarget(pod: Pod, port: number, scheme: ProxyTarget["scheme"]): ProxyTarget {
  const { namespace, name, uid } = pod.metadata;
  if (!pod.spec?.nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  if (!pod.status?.podIP) throw badRequest("address not allowed");
  const message = { target: "pod", namespace, pod: name, uid, port, scheme };
  return { node: pod.spec.nodeName, message, host: `${pod.status.podIP}:${port}`, scheme };
}

const portNumber = (text: string): number | undefined => {
  const port = Number(text);
  return text !== "" && Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined;
};

async function toService(registry: Registry, call: Call, name: ProxyName): Promise<ProxyTarget> {
  const { namespace } = call.info;
  const port = portName(await named<Service>(registry, call, name.name), name);
  const slices = slicesOf(registry, namespace, name.name);
  const endpoint = readyEndpoint(slices, port);
  if (endpoint) return endpointTarget(registry, namespace, endpoint, name.scheme);
  // Where there are endpoints, it is what was asked for that none of them has.
  const missed = slices.some((s) => s.endpoints?.length) ? call.info.name : name.name;
  throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(missed)}`);
}

/** A port may be named by its number; a name that no port has leads to no endpoint. @throws ApiError 503 */
function portName(service: Service, { name, port }: ProxyName): string {
  if (!/^\d+$/.test(port)) return port;
  const found = service.spec?.ports?.find((p) => String(p.port) === port);
  if (found) return found.name ?? "";
  throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
}

function slicesOf(registry: Registry, namespace: string, service: string): EndpointSlice[] {
  const { items } = registry.cache.list("endpointslices.discovery.k8s.io", { namespace });
  return items
    .map(({ object }) => object as EndpointSlice)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service);
}

interface Ready {
  readonly endpoint: Endpoint;
  readonly port: number;
}

/** A ready endpoint behind a Service's port, one of them at random. */
function readyEndpoint(slices: readonly EndpointSlice[], name: string): Ready | undefined {
  const found: Ready[] = [];
  for (const slice of slices) {
    const port = slice.ports?.find((p) => (p.name ?? "") === name)?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? [])
      if (endpoint.conditions?.ready !== false) found.push({ endpoint, port });
  }
  return found[Math.floor(Math.random() * found.length)];
}

/** A pod is reached through its node; an address that somebody wrote by hand through any, since pods' addresses lead there too. */
function endpointTarget(
  registry: Registry,
  namespace: string,
  { endpoint, port }: Ready,
  scheme: ProxyTarget["scheme"],
): ProxyTarget {
  const { addresses, targetRef } = endpoint;
  if (targetRef?.kind === "Pod" && targetRef.name) {
    const pod = registry.cache.get({ resource: "pods", namespace, name: targetRef.name });
    if (pod) return podTarget(pod.object, port, scheme);
  }
  const [address = ""] = addresses;
  const node = readyNode(registry);
  if (!node) throw serviceUnavailable(`no node is ready that could reach ${address}`);
  const host = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return { node, message: { target: "address", address, port, scheme }, host, scheme };
}

function readyNode(registry: Registry): string | undefined {
  const { items } = registry.cache.list("nodes");
  const ready = items
    .map(({ object }) => object as Node)
    .filter(({ status }) => status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"));
  return ready[Math.floor(Math.random() * ready.length)]?.metadata.name;
}

async function toNode(registry: Registry, call: Call, { name, port }: ProxyName): Promise<ProxyTarget> {
  const node = await named<Node>(registry, call, name);
  const itsPort = portNumber(port) ?? node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250;
  const message = { target: "kubelet", port: itsPort, scheme: "http" };
  return { node: name, message, host: `${name}:${itsPort}`, scheme: "http" };
}
