/** What a claim asks for: its defaults and rules, for claims and for their templates. */
import type {
  CapacityRequirements,
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaimSpec,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { invalidValue, notSupported, required, type FieldError, type Path } from "../../../registry/field.ts";
import { check, dnsLabel } from "../names.ts";
import {
  validateClassName,
  validateConfiguration,
  validateFullyQualified,
  validateLabelName,
  validateMap,
  validateQualified,
  validateSelectors,
  validateSet,
  validateSlice,
  validateToleration,
} from "./rules.ts";

/** How many requests, constraints and configurations a claim may have. */
export const maxRequests = 32;

export function setClaimDefaults(spec: ResourceClaimSpec | undefined): void {
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? [])
    for (const request of [...(exactly ? [exactly] : []), ...(firstAvailable ?? [])])
      setRequestDefaults(request);
}

function setRequestDefaults(request: ExactDeviceRequest | DeviceSubRequest): void {
  request.allocationMode ||= "ExactCount";
  if (request.allocationMode === "ExactCount" && !request.count) request.count = 1;
  setTolerationDefaults(request.tolerations);
}

export function setTolerationDefaults(tolerations: readonly DeviceToleration[] | undefined): void {
  for (const toleration of tolerations ?? []) toleration.operator ||= "Equal";
}

/** Request → its subrequests. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>;

export const requestNames = (claim: DeviceClaim | undefined): RequestNames =>
  new Map((claim?.requests ?? []).map((r) => [r.name, new Set((r.firstAvailable ?? []).map((s) => s.name))]));

export function validateClaimSpec(spec: ResourceClaimSpec | undefined, path: Path): FieldError[] {
  const claim = spec?.devices ?? {};
  const at = path.child("devices");
  const names = requestNames(claim);
  return [
    ...validateSet(
      claim.requests,
      { max: maxRequests, key: (r) => r.name },
      validateRequest,
      at.child("requests"),
    ),
    ...validateSlice(
      claim.constraints,
      maxRequests,
      (c, where) => validateConstraint(c, where, names),
      at.child("constraints"),
    ),
    ...validateSlice(
      claim.config,
      maxRequests,
      (c, where) => [
        ...validateRequestRefs(c.requests, where.child("requests"), names),
        ...validateConfiguration(c, where, false),
      ],
      at.child("config"),
    ),
  ];
}

function validateRequest(request: DeviceRequest, path: Path): FieldError[] {
  const errors = validateLabelName(request.name, path.child("name"));
  const { exactly, firstAvailable = [] } = request;
  if (exactly && firstAvailable.length > 0)
    return [
      ...errors,
      invalidValue(
        path,
        null,
        "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
      ),
    ];
  if (exactly) return [...errors, ...validateDemand(exactly, path.child("exactly"))];
  if (firstAvailable.length === 0)
    return [...errors, required(path, "exactly one of `exactly` or `firstAvailable` is required")];
  return [
    ...errors,
    ...validateSet(
      firstAvailable,
      { max: 8, key: (s) => s.name },
      (s, at) => [...validateLabelName(s.name, at.child("name")), ...validateDemand(s, at)],
      path.child("firstAvailable"),
    ),
  ];
}

function validateDemand(demand: ExactDeviceRequest | DeviceSubRequest, path: Path): FieldError[] {
  return [
    ...validateClassName(demand.deviceClassName, path.child("deviceClassName")),
    ...validateSelectors(demand.selectors, path.child("selectors")),
    ...validateMode(demand, path),
    ...validateSlice(demand.tolerations, 16, validateToleration, path.child("tolerations")),
    ...validateCapacity(demand.capacity, path.child("capacity")),
  ];
}

const validateCapacity = (capacity: CapacityRequirements | undefined, path: Path): FieldError[] =>
  validateMap(capacity?.requests, { key: validateQualified }, () => [], path.child("requests"));

function validateMode({ allocationMode, count = 0 }: ExactDeviceRequest, path: Path): FieldError[] {
  const at = path.child("count");
  switch (allocationMode) {
    case "All":
      return count === 0
        ? []
        : [invalidValue(at, count, "must not be specified when allocationMode is 'All'")];
    case "ExactCount":
      return count > 0 ? [] : [invalidValue(at, count, "must be greater than zero")];
    default:
      return [notSupported(path.child("allocationMode"), allocationMode ?? "", ["All", "ExactCount"])];
  }
}

const mustName =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/** `request` or `request/subrequest`, of this claim. */
export function validateRequestRef(ref: string, path: Path, names: RequestNames): FieldError[] {
  const [request = "", sub, more] = ref.split("/");
  if (more !== undefined) return [invalidValue(path, ref, mustName)];
  const known = names.get(request);
  const found = known !== undefined && (sub === undefined || known.has(sub));
  return [
    ...ref.split("/").flatMap((segment) => check(dnsLabel, segment, path)),
    ...(found ? [] : [invalidValue(path, ref, mustName)]),
  ];
}

export const validateRequestRefs = (
  refs: readonly string[] | undefined,
  path: Path,
  names: RequestNames,
): FieldError[] =>
  validateSet(refs, { max: maxRequests, key: (r) => r }, (r, at) => validateRequestRef(r, at, names), path);

function validateConstraint(constraint: DeviceConstraint, path: Path, names: RequestNames): FieldError[] {
  const errors = validateRequestRefs(constraint.requests, path.child("requests"), names);
  const { matchAttribute, distinctAttribute } = constraint;
  if (matchAttribute !== undefined)
    return [...errors, ...validateFullyQualified(matchAttribute, path.child("matchAttribute"))];
  if (distinctAttribute !== undefined)
    return [...errors, ...validateFullyQualified(distinctAttribute, path.child("distinctAttribute"))];
  const one =
    'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
  return [...errors, required(path, one)];
}
