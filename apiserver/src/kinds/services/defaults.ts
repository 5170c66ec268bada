import type { Service, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";

export function setServiceDefaults(service: Service): void {
  const spec = (service.spec ??= {});
  spec.sessionAffinity ||= "None";
  setAffinityDefaults(spec);
  spec.type ||= "ClusterIP";
  for (const port of spec.ports ?? []) {
    port.protocol ||= "TCP";
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "")
      port.targetPort = port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= "Cluster";
  if (spec.type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
  if (spec.type !== "LoadBalancer") return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
}

function setAffinityDefaults(spec: ServiceSpec): void {
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (
    spec.sessionAffinity === "ClientIP" &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  )
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10_800 } };
}

export const isExternallyAccessible = (spec: ServiceSpec): boolean =>
  spec.type === "LoadBalancer" ||
  spec.type === "NodePort" ||
  (spec.type === "ClusterIP" && (spec.externalIPs ?? []).length > 0);

/** A cluster address is reserved for every type but ExternalName, unless the Service is headless. */
export const needsClusterIP = (spec: ServiceSpec | undefined): boolean =>
  spec?.type === "ClusterIP" || spec?.type === "NodePort" || spec?.type === "LoadBalancer";
export const isHeadless = (spec: ServiceSpec | undefined): boolean =>
  spec?.clusterIPs?.[0] === "None" || spec?.clusterIP === "None";
export const needsNodePort = (spec: ServiceSpec | undefined): boolean =>
  spec?.type === "NodePort" ||
  (spec?.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);
export const needsHealthCheckNodePort = (spec: ServiceSpec | undefined): boolean =>
  spec?.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";
