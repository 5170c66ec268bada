import type {
  ResourceAttributes,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
  SubjectRulesReviewStatus,
} from "@coracle/shared/api/generated/authorization-v1.ts";
import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import type { Authorize } from "../registry/registry.ts";
import {
  forbiddenField,
  path,
  required,
  invalidValue,
  type FieldError,
  type Path,
} from "../registry/field.ts";
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
  const r = spec.resourceAttributes;
  for (const name of ["fieldSelector", "labelSelector"] as const) {
    errors.push(...validateSelector(r?.[name], at.child("resourceAttributes", name)));
  }
  if (needsUser && !spec.user && !spec.groups?.length) {
    errors.push(required(at.child("user"), "at least one of user or group must be specified"));
  }
  return errors;
}

type ReviewedSelector = ResourceAttributes["fieldSelector"] | ResourceAttributes["labelSelector"];

/** A selector in one of its two forms; operators of the future are let pass, as upstream. */
function validateSelector(selector: ReviewedSelector, at: Path): FieldError[] {
  if (!selector) return [];
  const { rawSelector, requirements = [] } = selector;
  const errors: FieldError[] = [];
  if (rawSelector && requirements.length > 0) {
    errors.push(
      invalidValue(
        at.child("rawSelector"),
        rawSelector,
        "may not specified at the same time as requirements",
      ),
    );
  }
  if (!rawSelector && requirements.length === 0) {
    errors.push(
      required(
        at.child("requirements"),
        `when ${at.text} is specified, requirements or rawSelector is required`,
      ),
    );
  }
  for (const [i, { key, operator, values = [] }] of requirements.entries()) {
    const here = at.child("requirements").index(i);
    if (!key) errors.push(required(here.child("key"), "must be specified"));
    const takesValues = operator === "In" || operator === "NotIn";
    if (takesValues && values.length === 0) {
      errors.push(required(here.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) {
      errors.push(
        forbiddenField(
          here.child("values"),
          "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
      );
    }
  }
  return errors;
}

interface ReadSelector {
  readonly text: string;
  /** What of it could not be understood: an authorizer decides without that. */
  readonly problem?: "ignored" | "partially ignored";
}

/** A review's field selector as a request would carry it: single values that are equal or not. */
function readFieldSelector({
  rawSelector,
  requirements = [],
}: NonNullable<ResourceAttributes["fieldSelector"]>): ReadSelector {
  if (rawSelector) return { text: rawSelector };
  const terms = requirements.flatMap(({ key, operator, values = [] }) => {
    if (values.length !== 1) return [];
    if (operator === "In") return [`${key}=${values[0]}`];
    return operator === "NotIn" ? [`${key}!=${values[0]}`] : [];
  });
  const text = terms.join(",");
  if (terms.length === requirements.length) return { text };
  return { text, problem: text ? "partially ignored" : "ignored" };
}

const knownOperators = new Set(["In", "NotIn", "Exists", "DoesNotExist"]);

function evaluationErrors({ resourceAttributes: r }: Attributes): string[] {
  const errors: string[] = [];
  const add = (name: string, problem: ReadSelector["problem"]): void => {
    if (problem) errors.push(`spec.resourceAttributes.${name} ${problem} due to parse error`);
  };
  if (r?.fieldSelector) add("fieldSelector", readFieldSelector(r.fieldSelector).problem);
  const labels = r?.labelSelector?.requirements ?? [];
  const known = labels.filter((l) => knownOperators.has(l.operator));
  if (known.length < labels.length) add("labelSelector", known.length > 0 ? "partially ignored" : "ignored");
  return errors;
}

/** The request that a review asks about. */
export function reviewedRequest({ resourceAttributes, nonResourceAttributes }: Attributes): RequestInfo {
  const r = resourceAttributes;
  const selector = r?.fieldSelector && readFieldSelector(r.fieldSelector).text;
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
  const errors = evaluationErrors(spec);
  return {
    allowed,
    ...(reason ? { reason } : {}),
    ...(errors.length > 0 ? { evaluationError: errors.join("; ") } : {}),
  };
}

/** The status of a SelfSubjectRulesReview: all that a user may do in a namespace, as far as rules say it. */
export function reviewRules(rbac: Rbac, user: UserInfo, namespace: string): SubjectRulesReviewStatus {
  const rules: PolicyRule[] = [];
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
