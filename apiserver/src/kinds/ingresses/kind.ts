import type { Ingress } from "@coracle/shared/api/generated/networking-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none } from "../shared/columns.ts";
import { validateIngress, validateIngressStatus, validateNewIngress } from "./validate.ts";

export const ingresses = defineKind<Ingress>({
  group: "networking.k8s.io",
  kind: "Ingress",
  plural: "ingresses",
  shortNames: ["ing"],
  namespaced: true,
  status: true,
  generation: true,
  prepareForCreate: (ingress) => {
    ingress.status = { loadBalancer: {} };
  },
  validate: validateNewIngress,
  validateUpdate: validateIngress,
  validateStatusUpdate: validateIngressStatus,
  columns: [
    nameColumn,
    column("Class", (ingress) => ingress.spec?.ingressClassName ?? none),
    column("Hosts", hostsCell),
    column("Address", ({ status }) =>
      [...new Set((status?.loadBalancer?.ingress ?? []).flatMap((i) => i.ip || i.hostname || []))]
        .toSorted()
        .join(","),
    ),
    column("Ports", (ingress) => (ingress.spec?.tls?.length ? "80, 443" : "80")),
    ageColumn,
  ],
});

function hostsCell({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const shown: string[] = [];
  let more = false;
  for (const rule of rules) {
    if (shown.length === 3) more = true;
    else if (rule.host) shown.push(rule.host);
  }
  if (shown.length === 0) return "*";
  return more ? `${shown.join(",")} + ${rules.length - 3} more...` : shown.join(",");
}
