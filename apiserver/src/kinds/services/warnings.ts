import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import { path, type Path } from "../../registry/field.ts";
import { canonicalAddress, familyOf, numberToAddress, parseCIDR } from "../shared/net.ts";

const root = path("spec");

/** What is accepted in a service, but has no effect or is written in an unusual way. */
export function serviceWarnings({ metadata, spec }: Service): string[] {
  if (!spec) return [];
  const warnings: string[] = [];
  if (metadata.annotations?.["service.kubernetes.io/topology-aware-hints"] !== undefined)
    warnings.push(
      "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
    );
  const headless = spec.clusterIP === "None";
  if (spec.clusterIP && !headless)
    warnings.push(...each(spec.clusterIPs, root.child("clusterIPs"), addressWarnings));
  if (headless && spec.type === "ClusterIP") warnings.push(...headlessWarnings(spec));
  warnings.push(...each(spec.externalIPs, root.child("externalIPs"), addressWarnings));
  if (spec.loadBalancerIP)
    warnings.push(...addressWarnings(spec.loadBalancerIP, root.child("loadBalancerIP")));
  warnings.push(
    ...each(spec.loadBalancerSourceRanges, root.child("loadBalancerSourceRanges"), rangeWarnings),
  );
  if (spec.type === "ExternalName" && spec.externalIPs?.length)
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== "ExternalName" && spec.externalName)
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === "PreferClose")
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

const each = (
  values: readonly string[] | undefined,
  at: Path,
  rule: (value: string, at: Path) => string[],
): string[] => (values ?? []).flatMap((value, i) => rule(value, at.index(i)));

function headlessWarnings(spec: NonNullable<Service["spec"]>): string[] {
  const ignored: string[] = [];
  if (spec.loadBalancerIP) ignored.push("loadBalancerIP");
  if (spec.externalIPs?.length) ignored.push("externalIPs");
  if (spec.sessionAffinity !== "None") ignored.push("SessionAffinity");
  return ignored.map((field) => `spec.${field} is ignored for headless services`);
}

/** An IPv4 address in an IPv6 one's clothes. */
const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function addressWarnings(value: string, at: Path): string[] {
  const inner = mapped.exec(value)?.[1];
  if (inner !== undefined)
    return [
      `${at.text}: non-standard IP address ${JSON.stringify(value)} will be considered invalid in a future Kubernetes release: use ${JSON.stringify(inner)}`,
    ];
  const canonical = canonicalAddress(value);
  return familyOf(value) === "IPv6" && canonical !== value
    ? [
        `${at.text}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
      ]
    : [];
}

function rangeWarnings(value: string, at: Path): string[] {
  const range = parseCIDR(value.trim());
  if (!range) return [];
  const canonical = JSON.stringify(`${numberToAddress(range.base, range.family)}/${range.bits}`);
  if (!range.exact) {
    const address = canonicalAddress(value.trim().split("/")[0] ?? "");
    const single = JSON.stringify(`${address}/${range.family === "IPv4" ? 32 : 128}`);
    return [
      `${at.text}: CIDR value ${JSON.stringify(value)} is ambiguous in this context (should be ${canonical} or ${single}?)`,
    ];
  }
  return range.family === "IPv6" && canonical !== JSON.stringify(value)
    ? [
        `${at.text}: IPv6 CIDR value ${JSON.stringify(value)} should be in RFC 5952 canonical format (${canonical})`,
      ]
    : [];
}
