import type { Service, ServicePort, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { check, dnsLabel, dnsSubdomain, portNumber, qualifiedName } from "../shared/names.ts";
import { cidr, ipAddress } from "../shared/net.ts";
import { endpointAddressRule } from "../shared/endpoint-address.ts";
import { validatePort } from "../shared/pod/validate-probe.ts";
import { validateLabels } from "../shared/selector.ts";
import { isExternallyAccessible, isHeadless, needsHealthCheckNodePort } from "./defaults.ts";
import { validateClusterIPs, validateClusterIPUpdate } from "./validate-addresses.ts";

const root = path("spec");

export function validateService({ spec = {} }: Service): FieldError[] {
  const errors: FieldError[] = [];
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== "ExternalName")
    errors.push(required(root.child("ports")));
  errors.push(...validateForType(spec), ...validatePorts(ports, spec, root.child("ports")));
  errors.push(...validateLabels(spec.selector, root.child("selector")), ...validateAffinity(spec));
  errors.push(...validateClusterIPs(spec), ...validateExternalIPs(spec));
  errors.push(...validateLoadBalancerFields(spec), ...validateTrafficPolicies(spec));
  return errors;
}

const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

function validateForType(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const first = root.child("clusterIPs").index(0);
  switch (spec.type) {
    case "LoadBalancer":
    case "NodePort":
      if (isHeadless(spec))
        errors.push(invalidValue(first, "None", `may not be set to 'None' for ${spec.type} services`));
      break;
    case "ClusterIP":
      break;
    case "ExternalName":
      errors.push(...validateExternalName(spec));
      break;
    default:
      errors.push(
        spec.type ? notSupported(root.child("type"), spec.type, types) : required(root.child("type")),
      );
  }
  return errors;
}

function validateExternalName(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const no = "may not be set for ExternalName services";
  if (spec.clusterIPs?.length) errors.push(forbiddenField(root.child("clusterIPs"), no));
  if (spec.ipFamilies?.length) errors.push(forbiddenField(root.child("ipFamilies"), no));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbiddenField(root.child("ipFamilyPolicy"), no));
  const name = spec.externalName?.replace(/\.$/, "") ?? "";
  if (!name) errors.push(required(root.child("externalName")));
  else errors.push(...check(dnsSubdomain, name, root.child("externalName")));
  return errors;
}

const protocols = ["SCTP", "TCP", "UDP"];

function validatePorts(ports: readonly ServicePort[], spec: ServiceSpec, at: Path): FieldError[] {
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const pairs = new Set<string>();
  return ports.flatMap((port, i) => {
    const where = at.index(i);
    const errors = validateOnePort(port, ports.length > 1, names, where);
    if (spec.type === "ClusterIP" && port.nodePort)
      errors.push(forbiddenField(where.child("nodePort"), "may not be used when `type` is 'ClusterIP'"));
    const nodePort = `${port.protocol}/${port.nodePort}`;
    if (port.nodePort && nodePorts.has(nodePort))
      errors.push(duplicate(where.child("nodePort"), port.nodePort));
    nodePorts.add(nodePort);
    const pair = `${port.protocol}/${port.port}`;
    if (pairs.has(pair)) errors.push(duplicate(where, { protocol: port.protocol, port: port.port }));
    pairs.add(pair);
    return errors;
  });
}

function validateOnePort(port: ServicePort, named: boolean, names: Set<string>, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) {
    errors.push(...check(dnsLabel, port.name, at.child("name")));
    if (names.has(port.name)) errors.push(duplicate(at.child("name"), port.name));
    names.add(port.name);
  } else if (named) errors.push(required(at.child("name")));
  for (const message of portNumber(port.port))
    errors.push(invalidValue(at.child("port"), port.port ?? 0, message));
  if (!port.protocol) errors.push(required(at.child("protocol")));
  else if (!protocols.includes(port.protocol))
    errors.push(notSupported(at.child("protocol"), port.protocol, protocols));
  errors.push(...validatePort(port.targetPort, at.child("targetPort")));
  if (port.appProtocol !== undefined)
    errors.push(...check(qualifiedName, port.appProtocol, at.child("appProtocol")));
  return errors;
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  const at = root.child("sessionAffinityConfig");
  const { sessionAffinity: affinity, sessionAffinityConfig: config } = spec;
  if (!affinity) return [required(root.child("sessionAffinity"))];
  if (affinity === "None")
    return config ? [forbiddenField(at, "must not be set when session affinity is None")] : [];
  if (affinity !== "ClientIP")
    return [notSupported(root.child("sessionAffinity"), affinity, ["ClientIP", "None"])];
  const seconds = config?.clientIP?.timeoutSeconds;
  if (seconds === undefined)
    return [required(at.child("clientIP", "timeoutSeconds"), "when session affinity type is ClientIP")];
  return seconds > 0 && seconds <= 86_400
    ? []
    : [
        invalidValue(
          at.child("clientIP", "timeoutSeconds"),
          seconds,
          "must be greater than 0 and less than 86400",
        ),
      ];
}

const validateExternalIPs = (spec: ServiceSpec): FieldError[] =>
  (spec.externalIPs ?? []).flatMap((ip, i) => {
    const at = root.child("externalIPs").index(i);
    const errors = check(ipAddress, ip, at);
    return errors.length > 0 ? errors : check(endpointAddressRule, ip, at);
  });

function validateLoadBalancerFields(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const only = "may only be used when `type` is 'LoadBalancer'";
  const isLoadBalancer = spec.type === "LoadBalancer";
  if (spec.loadBalancerSourceRanges?.length) {
    const at = root.child("LoadBalancerSourceRanges");
    if (!isLoadBalancer) errors.push(forbiddenField(at, only));
    spec.loadBalancerSourceRanges.forEach((range, i) =>
      errors.push(...check(cidr, range.trim(), at.index(i))),
    );
  }
  if (isLoadBalancer && spec.allocateLoadBalancerNodePorts === undefined)
    errors.push(required(path("allocateLoadBalancerNodePorts")));
  if (!isLoadBalancer && spec.allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbiddenField(root.child("allocateLoadBalancerNodePorts"), only));
  if (spec.loadBalancerClass !== undefined) {
    if (!isLoadBalancer) errors.push(forbiddenField(root.child("loadBalancerClass"), only));
    errors.push(...check(qualifiedName, spec.loadBalancerClass, root.child("loadBalancerClass")));
  }
  return errors;
}

function validateTrafficPolicies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const policies = ["Cluster", "Local"];
  const external = root.child("externalTrafficPolicy");
  if (spec.externalTrafficPolicy) {
    if (!isExternallyAccessible(spec))
      errors.push(
        invalidValue(
          external,
          spec.externalTrafficPolicy,
          "may only be set for externally-accessible services",
        ),
      );
    if (!policies.includes(spec.externalTrafficPolicy))
      errors.push(notSupported(external, spec.externalTrafficPolicy, policies));
  } else if (isExternallyAccessible(spec)) errors.push(required(external));
  if (spec.internalTrafficPolicy === undefined) {
    if (spec.type !== "ExternalName") errors.push(required(root.child("internalTrafficPolicy")));
  } else if (!policies.includes(spec.internalTrafficPolicy))
    errors.push(notSupported(root.child("internalTrafficPolicy"), spec.internalTrafficPolicy, policies));
  if (spec.healthCheckNodePort) {
    for (const message of portNumber(spec.healthCheckNodePort))
      errors.push(invalidValue(root.child("healthCheckNodePort"), spec.healthCheckNodePort, message));
    if (!needsHealthCheckNodePort(spec))
      errors.push(
        invalidValue(
          root.child("healthCheckNodePort"),
          spec.healthCheckNodePort,
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
      );
  }
  const distributions = ["PreferClose", "PreferSameNode", "PreferSameZone"];
  if (spec.trafficDistribution !== undefined && !distributions.includes(spec.trafficDistribution))
    errors.push(notSupported(root.child("trafficDistribution"), spec.trafficDistribution, distributions));
  return errors;
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors = validateClusterIPUpdate(service.spec ?? {}, old.spec ?? {});
  const before = old.spec?.loadBalancerClass;
  const wasLoadBalancer = old.spec?.type === "LoadBalancer";
  if (wasLoadBalancer && service.spec?.type === "LoadBalancer" && service.spec.loadBalancerClass !== before)
    errors.push(
      invalidValue(
        root.child("loadBalancerClass"),
        service.spec.loadBalancerClass ?? null,
        "may not change once set",
      ),
    );
  if (
    needsHealthCheckNodePort(old.spec) &&
    needsHealthCheckNodePort(service.spec) &&
    service.spec?.healthCheckNodePort !== old.spec?.healthCheckNodePort
  )
    errors.push(forbiddenField(root.child("healthCheckNodePort"), "field is immutable"));
  return [...errors, ...validateService(service)];
}

export function validateServiceStatus(service: Service): FieldError[] {
  const at = path("status", "loadBalancer", "ingress");
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0 && service.spec?.type !== "LoadBalancer")
    return [forbiddenField(at, "may only be used when `spec.type` is 'LoadBalancer'")];
  return ingress.flatMap((item, i) => {
    const errors: FieldError[] = [];
    if (item.ip) errors.push(...check(ipAddress, item.ip, at.index(i).child("ip")));
    if (item.ip && item.ipMode === undefined)
      errors.push(required(at.index(i).child("ipMode"), "must be specified when `ip` is set"));
    if (item.hostname) errors.push(...check(dnsSubdomain, item.hostname, at.index(i).child("hostname")));
    return errors;
  });
}
