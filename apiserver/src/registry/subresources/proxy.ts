import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import type { Node, Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { badRequest, notFound, serviceUnavailable } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../../request.ts";
import { admitValidate } from "../admission.ts";
import type { Handler } from "../handler.ts";
import { keyFor, groupResource, readConsistent, type Call, type Registry } from "../registry.ts";
import { forwardHttp, type ProxyTarget } from "./forward-http.ts";
import type { Subresource } from "./subresource.ts";

/** `pods/https:web:8443/proxy`: a name may carry a scheme and a port. */
interface ProxyName {
  readonly scheme: "http" | "https";
  readonly name: string;
  readonly port: string;
}

function parseName(text: string): ProxyName {
  const parts = text.split(":");
  if (parts.length === 1) return { scheme: "http", name: text, port: "" };
  if (parts.length === 2) return { scheme: "http", name: parts[0] ?? "", port: parts[1] ?? "" };
  const [scheme = "", name = "", port = "", ...rest] = parts;
  if (rest.length > 0 || (scheme !== "" && scheme !== "http" && scheme !== "https")) {
    throw badRequest(`invalid proxy request ${JSON.stringify(text)}`);
  }
  return { scheme: scheme === "https" ? "https" : "http", name, port };
}

type Resolve = (registry: Registry, call: Call, name: ProxyName) => Promise<ProxyTarget>;

function proxy(resolve: Resolve, kind: string): Subresource {
  const handler: Handler = async (registry, call) => {
    const target = await resolve(registry, call, parseName(call.info.name));
    await admitConnect(registry, call);
    return forward(registry, call, target);
  };
  const verbs = { create: handler, delete: handler, get: handler, patch: handler, update: handler };
  return { verbs, kind: { group: "", version: "v1", kind }, connect: true };
}

export const podProxy = proxy(toPod, "PodProxyOptions");
export const serviceProxy = proxy(toService, "ServiceProxyOptions");
export const nodeProxy = proxy(toNode, "NodeProxyOptions");

const admitConnect = (registry: Registry, { served, info, user, warn }: Call): Promise<void> =>
  admitValidate(registry, {
    operation: "CONNECT",
    kind: served.kind,
    subresource: "proxy",
    namespace: info.namespace,
    name: info.name,
    user,
    dryRun: false,
    warn,
  });

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
  const first = pod.spec?.containers[0]?.ports?.[0]?.containerPort;
  return podTarget(pod, portNumber(port) ?? first ?? (scheme === "https" ? 443 : 80), scheme);
}

function podTarget(pod: Pod, port: number, scheme: ProxyTarget["scheme"]): ProxyTarget {
  const { namespace, name, uid } = pod.metadata;
  if (!pod.spec?.nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  if (!pod.status?.podIP) throw badRequest(`address not allowed: pod ${name} has no address`);
  const message = { target: "pod", namespace, pod: name, uid, port, scheme };
  return { node: pod.spec.nodeName, message, host: `${pod.status.podIP}:${port}`, scheme };
}

const portNumber = (text: string): number | undefined => {
  const port = Number(text);
  return text !== "" && Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined;
};

async function toService(registry: Registry, call: Call, name: ProxyName): Promise<ProxyTarget> {
  const service = await named<Service>(registry, call, name.name);
  const ports = service.spec?.ports ?? [];
  const wanted =
    name.port === ""
      ? ports.length === 1
        ? ports[0]
        : ports.find((p) => !p.name)
      : ports.find((p) => p.name === name.port || String(p.port) === name.port);
  if (!wanted)
    throw serviceUnavailable(
      `no service port ${JSON.stringify(name.port)} found for service ${JSON.stringify(name.name)}`,
    );
  const endpoint = readyEndpoint(registry, call.info.namespace, {
    service: name.name,
    port: wanted.name ?? "",
  });
  if (!endpoint) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name.name)}`);
  const pod = registry.cache.get({ resource: "pods", namespace: call.info.namespace, name: endpoint.pod });
  if (!pod) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name.name)}`);
  return podTarget(pod.object, endpoint.port, name.scheme);
}

/** A ready pod behind a Service's port, one of them at random. */
function readyEndpoint(
  registry: Registry,
  namespace: string,
  of: { readonly service: string; readonly port: string },
): { pod: string; port: number } | undefined {
  const found: { pod: string; port: number }[] = [];
  for (const { object } of registry.cache.list("endpointslices.discovery.k8s.io", { namespace }).items) {
    const slice = object as EndpointSlice;
    if (slice.metadata.labels?.["kubernetes.io/service-name"] !== of.service) continue;
    const port = slice.ports?.find((p) => (p.name ?? "") === of.port)?.port;
    if (port === undefined) continue;
    for (const { conditions, targetRef } of slice.endpoints ?? []) {
      if (conditions?.ready !== false && targetRef?.kind === "Pod" && targetRef.name) {
        found.push({ pod: targetRef.name, port });
      }
    }
  }
  return found[Math.floor(Math.random() * found.length)];
}

async function toNode(registry: Registry, call: Call, { name, port }: ProxyName): Promise<ProxyTarget> {
  const node = await named<Node>(registry, call, name);
  const itsPort = portNumber(port) ?? node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250;
  const message = { target: "kubelet", port: itsPort, scheme: "http" };
  return { node: name, message, host: `${name}:${itsPort}`, scheme: "http" };
}

async function forward(
  registry: Registry,
  { request, info }: Call,
  target: ProxyTarget,
): Promise<ApiResponse> {
  if (!registry.openNode) throw serviceUnavailable("this server has no connection to the nodes");
  const session = await registry.openNode(target.node, "proxy", target.message, request.signal);
  return forwardHttp(request, `/${info.subpath ?? ""}`, { target, session });
}
