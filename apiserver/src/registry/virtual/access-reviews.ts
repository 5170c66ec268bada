import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from "@coracle/shared/api/generated/authorization-v1.ts";
import { badRequest, invalid, serviceUnavailable } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { reviewAccess, reviewedUser, validateReview } from "../../authz/reviews.ts";
import { forbiddenField, path, type FieldError } from "../field.ts";
import { defineReview, type Answer } from "./review.ts";

const group = "authorization.k8s.io";

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(group, kind, "", errors);
}

const noMetadata = (review: KubeObject): FieldError[] =>
  review.metadata.name ? [forbiddenField(path("metadata"), "must be empty")] : [];

const answerSubject: Answer = (registry, _call, review) => {
  const { spec } = review as unknown as SubjectAccessReview;
  refuse("SubjectAccessReview", [...validateReview(spec, true), ...noMetadata(review)]);
  review["status"] = reviewAccess(registry.authorize, reviewedUser(spec), spec);
};

const answerLocal: Answer = (registry, { info }, review) => {
  const { spec } = review as unknown as LocalSubjectAccessReview;
  refuse("LocalSubjectAccessReview", validateReview(spec, true));
  if (spec.nonResourceAttributes) {
    refuse("LocalSubjectAccessReview", [
      forbiddenField(path("spec", "nonResourceAttributes"), "disallowed on this kind of request"),
    ]);
  }
  const { namespace } = spec.resourceAttributes ?? {};
  if ((namespace ?? "") !== info.namespace)
    throw badRequest("spec.resourceAttributes.namespace must match namespace");
  review["status"] = reviewAccess(registry.authorize, reviewedUser(spec), spec);
};

const answerSelf: Answer = (registry, { user }, review) => {
  const { spec } = review as unknown as SelfSubjectAccessReview;
  refuse("SelfSubjectAccessReview", [...validateReview(spec, false), ...noMetadata(review)]);
  review["status"] = reviewAccess(registry.authorize, user, spec);
};

const answerRules: Answer = (registry, { user }, review) => {
  const { spec } = review as unknown as SelfSubjectRulesReview;
  const namespace = spec?.namespace ?? "";
  if (!namespace) throw badRequest("no namespace on request");
  if (!registry.identity) throw serviceUnavailable("this server knows no rules");
  review["status"] = registry.identity.reviewRules(user, namespace);
};

export const accessReviews = [
  defineReview({ group, kind: "SubjectAccessReview", answer: answerSubject }),
  defineReview({ group, kind: "LocalSubjectAccessReview", namespaced: true, answer: answerLocal }),
  defineReview({ group, kind: "SelfSubjectAccessReview", answer: answerSelf }),
  defineReview({ group, kind: "SelfSubjectRulesReview", answer: answerRules }),
];
