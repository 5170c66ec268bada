/** What a definition's status ought to say: are its names free, is it established, is it going? */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { approvalProblem, isProtected } from "../kinds/customresourcedefinitions/validate.ts";

/** Names of a group that are taken by others. */
export interface TakenNames {
  /** Plural, singular and short names. */
  readonly resources: ReadonlySet<string>;
  /** Kinds and list kinds. */
  readonly kinds: ReadonlySet<string>;
}

type Condition = Omit<CustomResourceDefinitionCondition, "lastTransitionTime">;

/** The status as it should be, with the times of conditions that stay. `now` is of those that change. */
export function desiredStatus(
  crd: CustomResourceDefinition,
  taken: TakenNames,
  now: string,
): CustomResourceDefinitionStatus {
  const { acceptedNames, conflict } = accept(crd, taken);
  const was = (type: string): CustomResourceDefinitionCondition | undefined =>
    crd.status?.conditions?.find((condition) => condition.type === type);
  const conditions: Condition[] = [
    namesCondition(conflict),
    establishedCondition(was("Established"), conflict),
  ];
  const approval = approvalCondition(crd);
  if (approval) conditions.push(approval);
  return {
    ...crd.status,
    conditions: merge(crd.status?.conditions ?? [], conditions, now),
    acceptedNames,
    storedVersions: crd.status?.storedVersions ?? [],
  };
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

function accept(
  crd: CustomResourceDefinition,
  { resources, kinds }: TakenNames,
): { acceptedNames: CustomResourceDefinitionNames; conflict: Conflict | undefined } {
  const wanted = crd.spec.names;
  const before = crd.status?.acceptedNames ?? { plural: "", kind: "" };
  const accepted: CustomResourceDefinitionNames = { ...before, plural: before.plural, kind: before.kind };
  let conflict: Conflict | undefined;
  const take = <K extends "plural" | "singular" | "kind" | "listKind">(
    field: K,
    all: ReadonlySet<string>,
    reason: string,
  ): void => {
    const name = wanted[field];
    if (name !== undefined && all.has(name))
      conflict = { reason, message: `${JSON.stringify(name)} is already in use` };
    else if (name !== undefined) accepted[field] = name;
  };
  take("plural", resources, "PluralConflict");
  take("singular", resources, "SingularConflict");
  const shortNames = wanted.shortNames ?? [];
  const used = shortNames.filter((name) => resources.has(name));
  if (used.length > 0) {
    const message = used.map((name) => `${JSON.stringify(name)} is already in use`).join(", ");
    conflict = { reason: "ShortNamesConflict", message };
  } else if (shortNames.length > 0) accepted.shortNames = shortNames;
  else delete accepted.shortNames;
  take("kind", kinds, "KindConflict");
  take("listKind", kinds, "ListKindConflict");
  if (wanted.categories?.length) accepted.categories = wanted.categories;
  else delete accepted.categories;
  return { acceptedNames: accepted, conflict };
}

const namesCondition = (conflict: Conflict | undefined): Condition =>
  conflict
    ? { type: "NamesAccepted", status: "False", ...conflict }
    : { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" };

/** Once established, always established. */
function establishedCondition(
  was: CustomResourceDefinitionCondition | undefined,
  conflict: Conflict | undefined,
): Condition {
  if (was?.status === "True") {
    const { lastTransitionTime: _, ...condition } = was;
    return condition;
  }
  return conflict
    ? { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" }
    : {
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      };
}

function approvalCondition(crd: CustomResourceDefinition): Condition | undefined {
  const type = "KubernetesAPIApprovalPolicyConformant";
  if (!isProtected(crd.spec.group)) return undefined;
  const annotation = crd.metadata.annotations?.["api-approved.kubernetes.io"] ?? "";
  const problem = approvalProblem(crd);
  const see = "see https://github.com/kubernetes/enhancements/pull/1111";
  if (problem) {
    const name = '"api-approved.kubernetes.io"';
    return problem.missing
      ? {
          type,
          status: "False",
          reason: "MissingAnnotation",
          message: `protected groups must have approval annotation ${name}, ${see}`,
        }
      : {
          type,
          status: "False",
          reason: "InvalidAnnotation",
          message: `protected groups must have approval annotation ${name} with either a URL or a reason starting with "unapproved", ${see}`,
        };
  }
  return annotation.startsWith("unapproved")
    ? {
        type,
        status: "False",
        reason: "UnapprovedAnnotation",
        message: `not approved: ${JSON.stringify(annotation)}`,
      }
    : { type, status: "True", reason: "ApprovedAnnotation", message: `approved in ${annotation}` };
}

/** Puts conditions among others; the time of one that does not turn stays. */
export function merge(
  before: readonly CustomResourceDefinitionCondition[],
  wanted: readonly Condition[],
  now: string,
): CustomResourceDefinitionCondition[] {
  const others = before.filter((old) => !wanted.some((condition) => condition.type === old.type));
  const next = wanted.map((condition) => {
    const old = before.find((c) => c.type === condition.type);
    const time = old && old.status === condition.status ? (old.lastTransitionTime ?? now) : now;
    return { lastTransitionTime: time, ...condition };
  });
  return [...next, ...others];
}
