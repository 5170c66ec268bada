import type {
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodSpec,
} from "@coracle/shared/api/generated/core-v1.ts";
import { invalidValue, path, type FieldError } from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";

const spec = path("spec");
const additionsOnly = "only additions are allowed (no mutations or deletions)";

/** While it is gated, a pod's choice of nodes may be narrowed. What is judged here is taken out of the comparison that follows. */
export function validateGatedUpdate(munged: PodSpec, old: PodSpec): FieldError[] {
  const errors = validateSelector(munged, old);
  if (old.nodeSelector) munged.nodeSelector = old.nodeSelector;
  else delete munged.nodeSelector;
  errors.push(...validateNodeAffinity(munged, old));
  const affinity = { ...munged.affinity };
  delete affinity.nodeAffinity;
  if (old.affinity?.nodeAffinity) affinity.nodeAffinity = old.affinity.nodeAffinity;
  if (Object.keys(affinity).length > 0) munged.affinity = affinity;
  else delete munged.affinity;
  return errors;
}

function validateSelector(next: PodSpec, old: PodSpec): FieldError[] {
  const kept = Object.entries(old.nodeSelector ?? {}).every(
    ([key, value]) => next.nodeSelector?.[key] === value,
  );
  return kept ? [] : [invalidValue(spec.child("nodeSelector"), next.nodeSelector ?? null, additionsOnly)];
}

function validateNodeAffinity(next: PodSpec, old: PodSpec): FieldError[] {
  const before = old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const after = next.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!before) return [];
  const at = spec.child(
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
  );
  const terms = after?.nodeSelectorTerms ?? [];
  if (terms.length !== (before.nodeSelectorTerms?.length ?? 0))
    return [
      invalidValue(at, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed"),
    ];
  return terms.flatMap((term, i) =>
    onlyAdds(term, before.nodeSelectorTerms[i] ?? {}) ? [] : [invalidValue(at.index(i), term, additionsOnly)],
  );
}

/** An empty term matches nothing: adding to it would widen. */
function onlyAdds(term: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const isEmpty = !old.matchExpressions?.length && !old.matchFields?.length;
  if (isEmpty) return !term.matchExpressions?.length && !term.matchFields?.length;
  return contains(term.matchExpressions, old.matchExpressions) && contains(term.matchFields, old.matchFields);
}

const contains = (
  list: readonly NodeSelectorRequirement[] | undefined,
  old: readonly NodeSelectorRequirement[] | undefined,
): boolean => (old ?? []).every((was) => (list ?? []).some((is) => semanticEqual(is, was)));
