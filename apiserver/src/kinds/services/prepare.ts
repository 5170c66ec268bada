import type { Service, ServicePort, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { semanticEqual } from "../shared/equal.ts";
import { familyOf } from "../shared/net.ts";
import {
  isExternallyAccessible,
  isHeadless,
  needsClusterIP,
  needsHealthCheckNodePort,
  needsNodePort,
} from "./defaults.ts";

export function prepareServiceForCreate(service: Service): void {
  service.status = { loadBalancer: {} };
  const spec = (service.spec ??= {});
  // The singular field is the older name of the list's first item.
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  setFamilies(spec);
}

export function prepareServiceForUpdate(service: Service, old: Service): void {
  const spec = (service.spec ??= {});
  const before = old.spec ?? {};
  keepAllocated(spec, before);
  followClusterIP(spec, before);
  dropForType(spec, before);
  // Nobody balances to it any more; a status that said so could not even be written, and would lead traffic here.
  if (wasLoadBalancer(before, spec)) service.status = { ...service.status, loadBalancer: {} };
  setFamilies(spec);
}

/** What a client leaves out of an update is kept, if the new type still has it. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIP(before) && needsClusterIP(spec)) {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
    if (!spec.clusterIPs?.length && before.clusterIPs && spec.clusterIP === before.clusterIP)
      spec.clusterIPs = [...before.clusterIPs];
  }
  if (needsNodePort(before) && needsNodePort(spec)) keepNodePorts(spec.ports ?? [], before.ports ?? []);
  if (needsHealthCheckNodePort(before) && needsHealthCheckNodePort(spec))
    spec.healthCheckNodePort ||= before.healthCheckNodePort;
}

function keepNodePorts(ports: ServicePort[], before: readonly ServicePort[]): void {
  const taken = new Set(ports.map((p) => `${p.protocol}/${p.nodePort}`));
  for (const port of ports) {
    if (port.nodePort) continue;
    const match = before.find((p) => p.port === port.port && p.protocol === port.protocol);
    if (match?.nodePort && !taken.has(`${port.protocol}/${match.nodePort}`)) port.nodePort = match.nodePort;
  }
}

/** `clusterIP` and `clusterIPs[0]` say the same; a change of only one of them carries the other along. */
function followClusterIP(spec: ServiceSpec, before: ServiceSpec): void {
  const sameSingle = spec.clusterIP === before.clusterIP;
  const sameList = semanticEqual(spec.clusterIPs, before.clusterIPs);
  if (!sameSingle && sameList) {
    if (!spec.clusterIP) delete spec.clusterIPs;
    else spec.clusterIPs = [spec.clusterIP];
  } else if (!sameSingle && !spec.clusterIPs?.length && spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
}

/** A change of type takes along what only the old type had, unless the client gave it anew. */
function dropForType(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIP(before) && !needsClusterIP(spec)) {
    if (semanticEqual(spec.clusterIPs, before.clusterIPs) && spec.clusterIP === before.clusterIP) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (semanticEqual(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    dropIfSame(spec, before, "ipFamilyPolicy");
  }
  if (needsNodePort(before) && !needsNodePort(spec) && sameNodePorts(spec, before))
    for (const port of spec.ports ?? []) delete port.nodePort;
  if (needsHealthCheckNodePort(before) && !needsHealthCheckNodePort(spec))
    dropIfSame(spec, before, "healthCheckNodePort");
  if (wasLoadBalancer(before, spec))
    for (const field of ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const)
      dropIfSame(spec, before, field);
  if (isExternallyAccessible(before) && !isExternallyAccessible(spec))
    dropIfSame(spec, before, "externalTrafficPolicy");
  if (spec.type === "ExternalName") dropIfSame(spec, before, "internalTrafficPolicy");
}

const wasLoadBalancer = (before: ServiceSpec, spec: ServiceSpec): boolean =>
  before.type === "LoadBalancer" && spec.type !== "LoadBalancer";

function dropIfSame(spec: ServiceSpec, before: ServiceSpec, field: keyof ServiceSpec): void {
  if (spec[field] === before[field]) delete spec[field];
}

const sameNodePorts = (spec: ServiceSpec, before: ServiceSpec): boolean => {
  const old = new Set((before.ports ?? []).map((p) => p.nodePort));
  return (spec.ports ?? []).every((p) => !p.nodePort || old.has(p.nodePort));
};

/** This cluster has one address family, IPv4. */
function setFamilies(spec: ServiceSpec): void {
  if (spec.type === "ExternalName") return;
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) {
    spec.ipFamilyPolicy ??= "RequireDualStack";
    if (spec.ipFamilies?.length) return;
    spec.ipFamilies = spec.ipFamilyPolicy === "SingleStack" ? ["IPv4"] : ["IPv4", "IPv6"];
    return;
  }
  spec.ipFamilyPolicy ??= "SingleStack";
  if (spec.ipFamilies?.length) return;
  const given = (spec.clusterIPs ?? []).flatMap((ip) => familyOf(ip) ?? []);
  spec.ipFamilies = given.length > 0 ? given : ["IPv4"];
}
