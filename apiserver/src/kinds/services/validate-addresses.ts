import type { ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { invalidValue, notSupported, path, required, type FieldError } from "../../registry/field.ts";
import { check } from "../shared/names.ts";
import { familyOf, ipAddress } from "../shared/net.ts";
import { isHeadless } from "./defaults.ts";

const root = path("spec");
const list = root.child("clusterIPs");
const families = ["IPv4", "IPv6"];
const policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];

/** `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` must agree. */
export function validateClusterIPs(spec: ServiceSpec): FieldError[] {
  if (spec.type === "ExternalName") return [];
  const ips = spec.clusterIPs ?? [];
  const errors: FieldError[] = [];
  if (spec.clusterIP && ips.length === 0) errors.push(required(list));
  if (spec.clusterIP && ips.length > 0 && spec.clusterIP !== ips[0])
    errors.push(invalidValue(list, ips, "first value must match `clusterIP`"));
  if (!spec.clusterIP && ips.length > 0)
    errors.push(invalidValue(list, ips, "must be empty when `clusterIP` is not specified"));
  errors.push(...validateFamilies(spec));
  const wrong = validateEach(ips);
  errors.push(...wrong);
  if (ips.length > 2) errors.push(invalidValue(list, ips, "may only hold up to 2 values"));
  if (wrong.length > 0 || isHeadless(spec)) return errors;
  if (ips.length > 1 && new Set(ips.map(familyOf)).size < ips.length)
    errors.push(invalidValue(list, ips, "may specify no more than one IP for each IP family"));
  ips.forEach((ip, i) => {
    const family = spec.ipFamilies?.[i];
    if (family && family !== familyOf(ip))
      errors.push(
        invalidValue(list.index(i), ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``),
      );
  });
  return errors;
}

function validateEach(ips: readonly string[]): FieldError[] {
  return ips.flatMap((ip, i) => {
    if (i > 0 || ip !== "None") return check(ipAddress, ip, list.index(i));
    return ips.length > 1 ? [invalidValue(list, ips, "'None' must be the first and only value")] : [];
  });
}

function validateFamilies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const at = root.child("ipFamilies");
  const given = spec.ipFamilies ?? [];
  const policy = spec.ipFamilyPolicy;
  const anyFamily = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
  if (policy !== undefined && !policies.includes(policy))
    errors.push(notSupported(root.child("ipFamilyPolicy"), policy, policies));
  if (given.length > 2) errors.push(invalidValue(at, given, "may only hold up to 2 values"));
  given.forEach((family, i) => {
    if (!families.includes(family)) errors.push(notSupported(at.index(i), family, families));
    else if (given.indexOf(family) !== i)
      errors.push({
        reason: "FieldValueDuplicate",
        field: at.index(i).text,
        message: `Duplicate value: "${family}"`,
      });
    else if (family === "IPv6" && !anyFamily)
      errors.push(invalidValue(at.index(i), family, "not configured on this cluster"));
  });
  if (policy === "RequireDualStack" && !anyFamily)
    errors.push(
      invalidValue(
        root.child("ipFamilyPolicy"),
        policy,
        "this cluster is not configured for dual-stack services",
      ),
    );
  if (policy === "SingleStack" && given.length > 1)
    errors.push(
      invalidValue(
        root.child("ipFamilyPolicy"),
        policy,
        "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ),
    );
  return errors;
}

/** Addresses and families stay as they are, except on the way from and to ExternalName. */
export function validateClusterIPUpdate(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (spec.type === "ExternalName" || before.type === "ExternalName") return [];
  if (isHeadless(spec) && isHeadless(before)) return [];
  const errors: FieldError[] = [];
  const was = before.clusterIPs ?? [];
  const is = spec.clusterIPs ?? [];
  if (was.length > 0 && is.length === 0)
    errors.push(invalidValue(list.index(0), null, "primary clusterIP can not be unset"));
  else
    was.slice(0, is.length).forEach((ip, i) => {
      if (ip !== is[i]) errors.push(invalidValue(list.index(i), is, "may not change once set"));
    });
  if (isHeadless(spec) !== isHeadless(before)) return errors;
  const [family] = before.ipFamilies ?? [];
  if (family && spec.ipFamilies?.[0] && spec.ipFamilies[0] !== family)
    errors.push(invalidValue(root.child("ipFamilies").index(0), spec.ipFamilies, "may not change once set"));
  return errors;
}
