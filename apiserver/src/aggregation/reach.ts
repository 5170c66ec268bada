/** Ways to what runs in the cluster: to the pods behind a Service, which only their nodes can reach. */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import type { OpenNodeStream } from "../registry/registry.ts";
import { socketOver } from "../registry/subresources/proxy/socket.ts";
import type { WatchCache } from "../watch/cache.ts";

export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** Opens connections. @throws ApiError 503 with the reason why there is nothing to connect to */
export interface Reach {
  toService(service: ServicePort, signal: AbortSignal): Promise<Duplex>;
  toHost(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /** Throws when nothing ready is behind the port. */
  check(service: ServicePort): void;
}

export interface ReachParts {
  readonly cache: WatchCache;
  readonly openNode?: OpenNodeStream | undefined;
}

type Endpoint =
  | { readonly kind: "pod"; readonly pod: Pod; readonly port: number }
  | { readonly kind: "address"; readonly host: string; readonly port: number };

export function createReach({ cache, openNode }: ReachParts): Reach {
  const toEndpoint = async (endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> => {
    if (endpoint.kind === "address") return toHost(endpoint.host, endpoint.port, signal);
    const { metadata, spec } = endpoint.pod;
    if (!openNode || !spec?.nodeName)
      throw serviceUnavailable("this server has no connection to the pods of the cluster");
    const { namespace, name, uid } = metadata;
    const message = { target: "pod", namespace, pod: name, uid, port: endpoint.port, scheme: "https" };
    // The session outlives the request that opened it: connections are kept for the next one.
    return socketOver(await openNode(spec.nodeName, "proxy", message, new AbortController().signal));
  };
  return {
    toService: (service, signal) => toEndpoint(pick(endpointsOf(cache, service)), signal),
    toHost,
    check: (service) => void pick(endpointsOf(cache, service)),
  };
}

async function toHost(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
  const socket = connectTcp({ host, port });
  try {
    await once(socket, "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

const pick = (endpoints: readonly Endpoint[]): Endpoint => {
  const one = endpoints[Math.floor(Math.random() * endpoints.length)];
  if (!one) throw serviceUnavailable("there are no endpoints");
  return one;
};

/** @throws ApiError 503 */
function endpointsOf(cache: WatchCache, { namespace, name, port }: ServicePort): Endpoint[] {
  const service = cache.get({ resource: "services", namespace, name })?.object as Service | undefined;
  if (!service) throw serviceUnavailable(`service ${JSON.stringify(name)} not found`);
  if (service.spec?.type === "ExternalName")
    return [{ kind: "address", host: service.spec.externalName ?? "", port }];
  const wanted = service.spec?.ports?.find((p) => p.port === port);
  if (!wanted) throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const found: Endpoint[] = [];
  for (const { object } of cache.list("endpointslices.discovery.k8s.io", { namespace }).items) {
    const slice = object as EndpointSlice;
    if (slice.metadata.labels?.["kubernetes.io/service-name"] === name)
      found.push(...sliceEndpoints(cache, slice, wanted.name ?? ""));
  }
  if (found.length === 0)
    throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return found;
}

function sliceEndpoints(cache: WatchCache, slice: EndpointSlice, portName: string): Endpoint[] {
  const port = slice.ports?.find((p) => (p.name ?? "") === portName)?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? []).flatMap(({ conditions, targetRef, addresses }): Endpoint[] => {
    if (conditions?.ready === false) return [];
    if (targetRef?.kind === "Pod") {
      const namespace = targetRef.namespace ?? slice.metadata.namespace ?? "";
      const key = { resource: "pods", namespace, name: targetRef.name ?? "" };
      const pod = cache.get(key)?.object as Pod | undefined;
      return pod ? [{ kind: "pod", pod, port }] : [];
    }
    return addresses[0] ? [{ kind: "address", host: addresses[0], port }] : [];
  });
}
