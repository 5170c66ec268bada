import type {
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
  SubjectRulesReviewStatus,
} from "@coracle/shared/api/generated/authorization-v1.ts";
import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import { mastersGroup } from "../authn/groups.ts";
import type { Authorize } from "../registry/registry.ts";
import { path, required, invalidValue, type FieldError } from "../registry/field.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import { nodeOfUser } from "./node.ts";
import type { Rbac } from "./rbac.ts";

type Attributes = Pick<SubjectAccessReviewSpec, "resourceAttributes" | "nonResourceAttributes">;

/** What is wrong with the spec of an access review. */
export function validateReview(spec: SubjectAccessReviewSpec, needsUser: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const at = path("spec");
  if (spec.resourceAttributes && spec.nonResourceAttributes) {
    errors.push(
      invalidValue(
        at.child("nonResourceAttributes"),
        spec.nonResourceAttributes,
        "cannot be specified in combination with resourceAttributes",
      ),
    );
  }
  if (!spec.resourceAttributes && !spec.nonResourceAttributes) {
    errors.push(
      invalidValue(
        at.child("resourceAttributes"),
        null,
        "exactly one of nonResourceAttributes or resourceAttributes must be specified",
      ),
    );
  }
  if (needsUser && !spec.user && !spec.groups?.length) {
    errors.push(required(at.child("user"), "at least one of user or group must be specified"));
  }
  return errors;
}

/** The request that a review asks about. */
export function reviewedRequest({ resourceAttributes, nonResourceAttributes }: Attributes): RequestInfo {
  const r = resourceAttributes;
  const requirement = r?.fieldSelector?.requirements?.map((f) => `${f.key}=${f.values?.[0] ?? ""}`).join(",");
  const selector = r?.fieldSelector?.rawSelector ?? requirement;
  return {
    isResource: r !== undefined,
    verb: r?.verb ?? nonResourceAttributes?.verb ?? "",
    path: nonResourceAttributes?.path ?? "",
    group: r?.group ?? "",
    version: r?.version ?? "",
    resource: r?.resource ?? "",
    subresource: r?.subresource ?? "",
    namespace: r?.namespace ?? "",
    name: r?.name ?? "",
    ...(selector ? { fieldSelector: selector } : {}),
  };
}

/** The user that a SubjectAccessReview asks about. */
export const reviewedUser = (spec: SubjectAccessReviewSpec): UserInfo => ({
  username: spec.user ?? "",
  groups: spec.groups ?? [],
  ...(spec.uid ? { uid: spec.uid } : {}),
  ...(spec.extra ? { extra: spec.extra } : {}),
});

/** The status of the three access reviews. */
export function reviewAccess(
  authorize: Authorize,
  user: UserInfo,
  spec: Attributes,
): SubjectAccessReviewStatus {
  const { allowed, reason } = authorize(user, reviewedRequest(spec));
  return { allowed, ...(reason ? { reason } : {}) };
}

/** The status of a SelfSubjectRulesReview: all that a user may do in a namespace, as far as rules say it. */
export function reviewRules(rbac: Rbac, user: UserInfo, namespace: string): SubjectRulesReviewStatus {
  const rules: PolicyRule[] = [];
  if (user.groups.includes(mastersGroup)) {
    rules.push(
      { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
      { verbs: ["*"], nonResourceURLs: ["*"] },
    );
  }
  const errors: string[] = [];
  for (const grant of rbac.grants(user, namespace)) {
    const of = rbac.rules(grant.role, grant.namespace);
    if (of) rules.push(...of);
    else
      errors.push(
        `${grant.role.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(grant.role.name)} not found`,
      );
  }
  const isNode = nodeOfUser(user) !== undefined;
  if (isNode) errors.push("node authorizer does not support user rule resolution");
  return {
    resourceRules: rules.flatMap(({ nonResourceURLs, ...rule }) => (nonResourceURLs?.length ? [] : [rule])),
    nonResourceRules: rules.flatMap(({ verbs, nonResourceURLs }) =>
      nonResourceURLs?.length ? [{ verbs, nonResourceURLs }] : [],
    ),
    incomplete: errors.length > 0,
    ...(errors.length > 0 ? { evaluationError: errors.join(", ") } : {}),
  };
}
