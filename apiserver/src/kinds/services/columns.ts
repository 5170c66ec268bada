import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { ColumnDeclaration } from "../../registry/kind.ts";
import { ageColumn, column, labelsCell, nameColumn, none, orNone, wide } from "../shared/columns.ts";

export const serviceColumns: readonly ColumnDeclaration<Service>[] = [
  nameColumn,
  column("Type", (service) => service.spec?.type ?? ""),
  column("Cluster-IP", (service) => orNone(service.spec?.clusterIPs?.[0] ?? service.spec?.clusterIP)),
  column("External-IP", externalIP),
  column("Port(s)", portsCell),
  ageColumn,
  wide(column("Selector", (service) => labelsCell(service.spec?.selector))),
];

function externalIP({ spec, status }: Service): string {
  const external = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case "ClusterIP":
    case "NodePort":
      return external.length > 0 ? external.join(",") : none;
    case "LoadBalancer": {
      const ingress = (status?.loadBalancer?.ingress ?? []).flatMap((i) => i.ip || i.hostname || []);
      const all = [...new Set(ingress)].toSorted().concat(external);
      return all.length > 0 ? all.join(",") : "<pending>";
    }
    case "ExternalName":
      return spec.externalName ?? "";
    default:
      return "<unknown>";
  }
}

function portsCell({ spec }: Service): string {
  const ports = (spec?.ports ?? []).map((p) =>
    p.nodePort ? `${p.port}:${p.nodePort}/${p.protocol}` : `${p.port}/${p.protocol}`,
  );
  return orNone(ports.join(","));
}
