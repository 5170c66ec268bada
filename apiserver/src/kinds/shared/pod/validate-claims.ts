import type { PodResourceClaim, PodSpec, PodStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { duplicate, invalidValue, required, type FieldError, type Path } from "../../../registry/field.ts";
import { check, dnsLabel, dnsSubdomain } from "../names.ts";

/** Devices that the pod's containers may use. @param podName "" while it is not known, as in a template */
export function validatePodClaims(
  claims: readonly PodResourceClaim[] | undefined,
  podName: string,
  path: Path,
): FieldError[] {
  const seen = new Set<string>();
  return (claims ?? []).flatMap((claim, i) => {
    const at = path.index(i);
    return [...validateName(claim, podName, seen, at.child("name")), ...validateSource(claim, at)];
  });
}

function validateName(claim: PodResourceClaim, podName: string, seen: Set<string>, at: Path): FieldError[] {
  if (!claim.name) return [required(at)];
  if (seen.has(claim.name)) return [duplicate(at, claim.name)];
  seen.add(claim.name);
  const errors = check(dnsLabel, claim.name, at);
  if (errors.length > 0 || !podName || claim.resourceClaimTemplateName === undefined) return errors;
  const final = `${podName}-${claim.name}`;
  return dnsSubdomain(final).map((why) => invalidValue(at, final, `final ResourceClaim name: ${why}`));
}

function validateSource(claim: PodResourceClaim, at: Path): FieldError[] {
  const { resourceClaimName: name, resourceClaimTemplateName: template } = claim;
  const errors: FieldError[] = [];
  if (name !== undefined && template !== undefined)
    errors.push(
      invalidValue(
        at,
        claim,
        "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
      ),
    );
  if (name === undefined && template === undefined)
    errors.push(
      invalidValue(at, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
    );
  if (name !== undefined) errors.push(...check(dnsSubdomain, name, at.child("resourceClaimName")));
  if (template !== undefined)
    errors.push(...check(dnsSubdomain, template, at.child("resourceClaimTemplateName")));
  return errors;
}

/** Which claims stand for the pod's references: of these alone, and well named. */
export const validateClaimStatuses = (
  statuses: PodStatus["resourceClaimStatuses"],
  spec: PodSpec | undefined,
  path: Path,
): FieldError[] =>
  (statuses ?? []).flatMap(({ name, resourceClaimName }, i) => {
    const at = path.index(i).child("name");
    const known = spec?.resourceClaims?.some((claim) => claim.name === name);
    return [
      ...(known ? [] : [invalidValue(at, name, "must match the name of an entry in `spec.resourceClaims`")]),
      ...(resourceClaimName === undefined ? [] : check(dnsSubdomain, resourceClaimName, at)),
    ];
  });
