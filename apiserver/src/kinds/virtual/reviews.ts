import type { SelfSubjectReview, TokenReview } from "@coracle/shared/api/generated/authentication-v1.ts";
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from "@coracle/shared/api/generated/authorization-v1.ts";
import { forbiddenField, invalidValue, path, required, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, nameColumn } from "../shared/columns.ts";

/** Questions put to the API server: answered at once, never stored. */
const question = { namespaced: false, verbs: ["create"], columns: [nameColumn, ageColumn] } as const;
const authentication = "authentication.k8s.io";
const authorization = "authorization.k8s.io";
const root = path("spec");

export const tokenReviews = defineKind<TokenReview>({
  ...question,
  group: authentication,
  kind: "TokenReview",
  validate: ({ spec }) => (spec?.token ? [] : [required(root.child("token"))]),
});

export const selfSubjectReviews = defineKind<SelfSubjectReview>({
  ...question,
  group: authentication,
  kind: "SelfSubjectReview",
});

export const subjectAccessReviews = defineKind<SubjectAccessReview>({
  ...question,
  group: authorization,
  kind: "SubjectAccessReview",
  validate: ({ spec }) => [...validateQuestion(spec ?? {}), ...validateSubject(spec ?? {})],
});

export const localSubjectAccessReviews = defineKind<LocalSubjectAccessReview>({
  ...question,
  namespaced: true,
  group: authorization,
  kind: "LocalSubjectAccessReview",
  validate: ({ metadata, spec }) => {
    const errors = [...validateQuestion(spec ?? {}), ...validateSubject(spec ?? {})];
    const namespace = spec?.resourceAttributes?.namespace ?? "";
    if (spec?.resourceAttributes && namespace !== metadata.namespace)
      errors.push(
        invalidValue(
          root.child("resourceAttributes", "namespace"),
          namespace,
          `must match metadata.namespace`,
        ),
      );
    if (spec?.nonResourceAttributes)
      errors.push(
        invalidValue(
          root.child("nonResourceAttributes"),
          spec.nonResourceAttributes,
          "disallowed on this kind of request",
        ),
      );
    return errors;
  },
});

export const selfSubjectAccessReviews = defineKind<SelfSubjectAccessReview>({
  ...question,
  group: authorization,
  kind: "SelfSubjectAccessReview",
  validate: ({ spec }) => validateQuestion(spec ?? {}),
});

export const selfSubjectRulesReviews = defineKind<SelfSubjectRulesReview>({
  ...question,
  group: authorization,
  kind: "SelfSubjectRulesReview",
});

type Question = Pick<SubjectAccessReviewSpec, "resourceAttributes" | "nonResourceAttributes">;

function validateQuestion({ resourceAttributes, nonResourceAttributes }: Question): FieldError[] {
  if (resourceAttributes && nonResourceAttributes)
    return [
      invalidValue(
        root.child("nonResourceAttributes"),
        nonResourceAttributes,
        "cannot be specified in combination with resourceAttributes",
      ),
    ];
  if (!resourceAttributes && !nonResourceAttributes)
    return [
      invalidValue(
        root.child("resourceAttributes"),
        null,
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
      ),
    ];
  const at = root.child("resourceAttributes");
  const selectors = [
    ["fieldSelector", resourceAttributes?.fieldSelector],
    ["labelSelector", resourceAttributes?.labelSelector],
  ] as const;
  return selectors.flatMap(([field, selector]) =>
    selector?.rawSelector && selector.requirements?.length
      ? [forbiddenField(at.child(field, "rawSelector"), "may not specified at the same time as requirements")]
      : [],
  );
}

const validateSubject = ({ user, groups }: SubjectAccessReviewSpec): FieldError[] =>
  user || groups?.length
    ? []
    : [invalidValue(root.child("user"), user ?? "", "at least one of user or group must be specified")];
