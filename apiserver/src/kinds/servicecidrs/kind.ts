import type { ServiceCIDR } from "@coracle/shared/api/generated/networking-v1.ts";
import { immutable, invalidValue, path, required, tooMany, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check } from "../shared/names.ts";
import { cidr, parseCIDR } from "../shared/net.ts";

export const serviceCIDRs = defineKind<ServiceCIDR>({
  group: "networking.k8s.io",
  kind: "ServiceCIDR",
  namespaced: false,
  status: true,
  generation: true,
  prepareForCreate: (range) => {
    range.status = {};
  },
  validate,
  validateUpdate: (next, old) =>
    semanticEqual(next.spec?.cidrs, old.spec?.cidrs)
      ? []
      : [immutable(path("spec", "cidrs"), next.spec?.cidrs ?? null)],
  columns: [nameColumn, column("CIDRs", (range) => (range.spec?.cidrs ?? []).join(",")), ageColumn],
});

function validate({ spec }: ServiceCIDR): FieldError[] {
  const at = path("spec", "cidrs");
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required(at, "at least one CIDR required")];
  if (cidrs.length > 2) return [tooMany(at, cidrs.length, 2)];
  const errors = cidrs.flatMap((text, i) => {
    const wrong = check(cidr, text, at.index(i));
    if (wrong.length === 0 && !parseCIDR(text)?.exact)
      wrong.push(invalidValue(at.index(i), text, "must not have bits set beyond the prefix length"));
    return wrong;
  });
  const [a, b] = cidrs.map((text) => parseCIDR(text)?.family);
  if (b !== undefined && a === b)
    errors.push(
      invalidValue(
        at,
        cidrs,
        `may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96`,
      ),
    );
  return errors;
}
