import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { check, dnsLabel, dnsSubdomain, labelValue, qualifiedName } from "../names.ts";
import { validateLabelSelector } from "../selector.ts";

export function validateTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: Path,
): FieldError[] {
  return (tolerations ?? []).flatMap((toleration, i) => validateToleration(toleration, path.index(i)));
}

function validateToleration(toleration: Toleration, path: Path): FieldError[] {
  const { key = "", operator = "", value = "", effect = "" } = toleration;
  const errors = key ? check(qualifiedName, key, path.child("key")) : [];
  if (!key && operator !== "Exists")
    errors.push(
      invalidValue(
        path.child("operator"),
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (toleration.tolerationSeconds !== undefined && effect !== "NoExecute")
    errors.push(
      invalidValue(
        path.child("effect"),
        effect,
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      ),
    );
  switch (operator) {
    case "":
    case "Equal": {
      const wrong = labelValue(value);
      if (wrong.length > 0) errors.push(invalidValue(path.child("operator"), value, wrong.join(";")));
      break;
    }
    case "Exists":
      if (value)
        errors.push(
          invalidValue(path.child("operator"), value, "value must be empty when `operator` is 'Exists'"),
        );
      break;
    default:
      errors.push(notSupported(path.child("operator"), operator, ["Equal", "Exists"]));
  }
  if (effect) errors.push(...validateTaintEffect(effect, path.child("effect")));
  return errors;
}

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
export const validateTaintEffect = (effect: string | undefined, path: Path): FieldError[] =>
  !effect ? [required(path)] : effects.includes(effect) ? [] : [notSupported(path, effect, effects)];

export function validateNodeSelector(selector: NodeSelector, path: Path): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? [];
  const at = path.child("nodeSelectorTerms");
  if (terms.length === 0) return [required(at, "must have at least one node selector term")];
  return terms.flatMap((term, i) => validateTerm(term, at.index(i)));
}

export const validateTerm = (term: NodeSelectorTerm, path: Path, strict = true): FieldError[] => [
  ...(term.matchExpressions ?? []).flatMap((r, i) =>
    validateNodeRequirement(r, path.child("matchExpressions").index(i), strict),
  ),
  ...(term.matchFields ?? []).flatMap((r, i) =>
    validateFieldRequirement(r, path.child("matchFields").index(i)),
  ),
];

function validateNodeRequirement(
  requirement: NodeSelectorRequirement,
  path: Path,
  strict: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  const at = path.child("values");
  switch (requirement.operator) {
    case "In":
    case "NotIn":
      if (values.length === 0)
        errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0)
        errors.push(forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      break;
    case "Gt":
    case "Lt":
      if (values.length !== 1)
        errors.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      break;
    default:
      errors.push(
        invalidValue(path.child("operator"), requirement.operator ?? "", "not a valid selector operator"),
      );
  }
  errors.push(...check(qualifiedName, requirement.key ?? "", path.child("key")));
  // Preferences that no node can meet do no harm.
  if (strict) values.forEach((value, i) => errors.push(...check(labelValue, value, at.index(i))));
  return errors;
}

function validateFieldRequirement(requirement: NodeSelectorRequirement, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  if (requirement.operator === "In" || requirement.operator === "NotIn") {
    if (values.length !== 1)
      errors.push(
        required(
          path.child("values"),
          "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        ),
      );
  } else
    errors.push(
      invalidValue(path.child("operator"), requirement.operator ?? "", "not a valid selector operator"),
    );
  if (requirement.key !== "metadata.name")
    return [
      ...errors,
      invalidValue(path.child("key"), requirement.key ?? "", "not a valid field selector key"),
    ];
  values.forEach((value, i) => errors.push(...check(dnsSubdomain, value, path.child("values").index(i))));
  return errors;
}

export function validateAffinity(affinity: Affinity | undefined, path: Path): FieldError[] {
  if (!affinity) return [];
  const errors: FieldError[] = [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity) {
    const at = path.child("nodeAffinity");
    const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (required)
      errors.push(
        ...validateNodeSelector(required, at.child("requiredDuringSchedulingIgnoredDuringExecution")),
      );
    (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, i) => {
      const where = at.child("preferredDuringSchedulingIgnoredDuringExecution").index(i);
      errors.push(...validateWeight(term.weight, where.child("weight")));
      errors.push(...validateTerm(term.preference ?? {}, where.child("preference"), false));
    });
  }
  if (podAffinity) errors.push(...validatePodAffinity(podAffinity, path.child("podAffinity")));
  if (podAntiAffinity) errors.push(...validatePodAffinity(podAntiAffinity, path.child("podAntiAffinity")));
  return errors;
}

const validateWeight = (weight: number | undefined, path: Path): FieldError[] =>
  weight !== undefined && weight >= 1 && weight <= 100
    ? []
    : [invalidValue(path, weight ?? 0, "must be in the range 1-100")];

function validatePodAffinity(affinity: PodAffinity, path: Path): FieldError[] {
  const requiredPath = path.child("requiredDuringSchedulingIgnoredDuringExecution");
  const preferredPath = path.child("preferredDuringSchedulingIgnoredDuringExecution");
  return [
    ...(affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, i) =>
      validatePodAffinityTerm(term, requiredPath.index(i)),
    ),
    ...(affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, i) => [
      ...validateWeight(term.weight, preferredPath.index(i).child("weight")),
      ...validatePodAffinityTerm(
        term.podAffinityTerm ?? { topologyKey: "" },
        preferredPath.index(i).child("podAffinityTerm"),
      ),
    ]),
  ];
}

function validatePodAffinityTerm(term: PodAffinityTerm, path: Path): FieldError[] {
  const errors = [
    ...validateLabelSelector(term.labelSelector, path.child("labelSelector")),
    ...validateLabelSelector(term.namespaceSelector, path.child("namespaceSelector")),
    ...(term.namespaces ?? []).flatMap((name) => check(dnsLabel, name, path.child("namespace"))),
  ];
  for (const field of ["matchLabelKeys", "mismatchLabelKeys"] as const) {
    const keys = term[field] ?? [];
    if (keys.length > 0 && !term.labelSelector)
      errors.push(forbiddenField(path.child(field), "must not be specified when labelSelector is not set"));
    else keys.forEach((key, i) => errors.push(...check(qualifiedName, key, path.child(field).index(i))));
  }
  (term.matchLabelKeys ?? []).forEach((key, i) => {
    if (term.mismatchLabelKeys?.includes(key))
      errors.push(
        invalidValue(
          path.child("matchLabelKeys").index(i),
          key,
          "exists in both matchLabelKeys and mismatchLabelKeys",
        ),
      );
  });
  if (!term.topologyKey) errors.push(required(path.child("topologyKey"), "can not be empty"));
  return [...errors, ...check(qualifiedName, term.topologyKey ?? "", path.child("topologyKey"))];
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: Path,
): FieldError[] {
  const seen = new Set<string>();
  return (constraints ?? []).flatMap((constraint, i) => {
    const at = path.index(i);
    const errors = validateConstraint(constraint, at);
    const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
    if (seen.has(pair)) errors.push(duplicate(at.child("{topologyKey, whenUnsatisfiable}"), pair));
    seen.add(pair);
    return errors;
  });
}

function validateConstraint(constraint: Partial<TopologySpreadConstraint>, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { maxSkew = 0, minDomains, topologyKey, whenUnsatisfiable } = constraint;
  if (maxSkew <= 0) errors.push(invalidValue(path.child("maxSkew"), maxSkew, "must be greater than zero"));
  if (!topologyKey) errors.push(required(path.child("topologyKey"), "can not be empty"));
  else errors.push(...check(qualifiedName, topologyKey, path.child("topologyKey")));
  const actions = ["DoNotSchedule", "ScheduleAnyway"];
  if (!actions.includes(whenUnsatisfiable ?? ""))
    errors.push(notSupported(path.child("whenUnsatisfiable"), whenUnsatisfiable ?? "", actions));
  if (minDomains !== undefined && minDomains <= 0)
    errors.push(invalidValue(path.child("minDomains"), minDomains, "must be greater than zero"));
  else if (minDomains !== undefined && whenUnsatisfiable === "ScheduleAnyway")
    errors.push(
      invalidValue(
        path.child("minDomains"),
        minDomains,
        "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
      ),
    );
  for (const field of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
    const policy = constraint[field];
    if (policy !== undefined && !["Honor", "Ignore"].includes(policy))
      errors.push(notSupported(path.child(field), policy, ["Honor", "Ignore"]));
  }
  errors.push(...validateLabelSelector(constraint.labelSelector, path.child("labelSelector")));
  (constraint.matchLabelKeys ?? []).forEach((key, i) =>
    errors.push(...check(qualifiedName, key, path.child("matchLabelKeys").index(i))),
  );
  if (constraint.matchLabelKeys?.length && !constraint.labelSelector)
    errors.push(
      forbiddenField(path.child("matchLabelKeys"), "must not be specified when labelSelector is not set"),
    );
  return errors;
}
