import type { Node, Pod, Service, ServicePort } from "@coracle/shared/api/generated/core-v1.ts";
import type { Endpoint, EndpointPort } from "@coracle/shared/api/generated/discovery-v1.ts";
import { isPodReady, isSidecar, isTerminal } from "@coracle/shared/meta/pods.ts";
import { semanticEqual } from "../../canonical.ts";

/** What a Service's pods are as endpoints. Pure. */

/** The number a Service port's target has in this pod; undefined when the pod names no such port. */
export function targetPortIn(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target || port.port;
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter(isSidecar)];
  return containers
    .flatMap((c) => c.ports ?? [])
    .find((p) => p.name === target && (p.protocol ?? "TCP") === (port.protocol ?? "TCP"))?.containerPort;
}

export function portsIn(pod: Pod, service: Service): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPortIn(pod, port);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? "",
        protocol: port.protocol ?? "TCP",
        port: number,
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ];
  });
}

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === "None";

/** The name a pod has below a headless Service that is its subdomain. */
export const hostnameBelow = (pod: Pod, service: Service): string | undefined =>
  pod.spec?.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;

/** May traffic ever go there: it has an address and has not ended. */
export const isBackend = (pod: Pod, includeTerminating: boolean): boolean =>
  !isTerminal(pod) &&
  Boolean(pod.status?.podIP) &&
  (includeTerminating || pod.metadata.deletionTimestamp === undefined);

export const addressesOf = (pod: Pod, family: "IPv4" | "IPv6"): string[] => {
  const all = (pod.status?.podIPs ?? []).map((p) => p.ip);
  const known = all.length > 0 ? all : [pod.status?.podIP ?? ""];
  return known.filter((ip) => ip !== "" && ip.includes(":") === (family === "IPv6"));
};

export const ZONE = "topology.kubernetes.io/zone";

function hintsFor(service: Service, zone: string | undefined, node: string | undefined): Endpoint["hints"] {
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  switch (service.spec?.trafficDistribution) {
    case "PreferClose":
    case "PreferSameZone":
      return zone === undefined ? undefined : forZones;
    case "PreferSameNode":
      return node === undefined ? undefined : { ...forZones, forNodes: [{ name: node }] };
    default:
      return undefined;
  }
}

export function endpointOf(
  pod: Pod,
  service: Service,
  node: Node | undefined,
  family: "IPv4" | "IPv6",
): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const hostname = hostnameBelow(pod, service);
  const zone = node?.metadata.labels?.[ZONE];
  const ready = Boolean(service.spec?.publishNotReadyAddresses) || (serving && !terminating);
  const hints = ready ? hintsFor(service, zone, pod.spec?.nodeName) : undefined;
  return {
    addresses: addressesOf(pod, family),
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
    },
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
  };
}

/** The change of a pod can change the endpoints of the Services that select it. */
export const backendChanged = (pod: Pod, old: Pod): boolean =>
  isPodReady(pod) !== isPodReady(old) ||
  pod.status?.podIP !== old.status?.podIP ||
  pod.status?.phase !== old.status?.phase ||
  pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
  pod.spec?.nodeName !== old.spec?.nodeName ||
  pod.metadata.uid !== old.metadata.uid ||
  pod.spec?.hostname !== old.spec?.hostname ||
  pod.spec?.subdomain !== old.spec?.subdomain ||
  !semanticEqual(pod.metadata.labels, old.metadata.labels) ||
  !semanticEqual(pod.status?.podIPs, old.status?.podIPs);
