import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  RuleWithOperations,
  Variable,
  WebhookClientConfig,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { expressionProblem } from "../../admission/policies/check-expression.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import {
  check,
  cIdentifier,
  dnsLabel,
  dnsLabel1035,
  dnsSubdomain,
  portNumber,
  qualifiedName,
} from "./names.ts";
import { validateLabelSelector } from "./selector.ts";

/** What webhooks and admission policies have in common. */
const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const scopes = ["*", "Cluster", "Namespaced"];

export const setRuleDefaults = (
  rules: readonly (RuleWithOperations | NamedRuleWithOperations)[] | undefined,
): void => {
  for (const rule of rules ?? []) rule.scope ??= "*";
};

export function setMatchDefaults(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= "Equivalent";
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  setRuleDefaults(match.resourceRules);
  setRuleDefaults(match.excludeResourceRules);
}

export function validateRule(rule: RuleWithOperations | NamedRuleWithOperations, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["operations", "apiGroups", "apiVersions", "resources"] as const) {
    const list = rule[field] ?? [];
    const where = at.child(field);
    if (list.length === 0) errors.push(required(where));
    if (field !== "resources" && list.length > 1 && list.includes("*"))
      errors.push(invalidValue(where, list, `if '*' is present, must not specify other ${wordFor(field)}`));
    if (field === "apiVersions" && list.includes("")) errors.push(required(where.index(list.indexOf(""))));
  }
  (rule.operations ?? []).forEach((operation, i) => {
    if (!operations.includes(operation))
      errors.push(notSupported(at.child("operations").index(i), operation, operations));
  });
  if (rule.scope !== undefined && !scopes.includes(rule.scope))
    errors.push(notSupported(at.child("scope"), rule.scope, scopes));
  return [...errors, ...validateResources(rule.resources ?? [], at.child("resources"))];
}

const wordFor = (field: string): string =>
  ({ operations: "operations", apiGroups: "API groups", apiVersions: "API versions" })[field] ?? field;

function validateResources(resources: readonly string[], at: Path): FieldError[] {
  const errors: FieldError[] = [];
  resources.forEach((resource, i) => {
    if (resource === "") errors.push(required(at.index(i)));
    if (resource === "*" && resources.some((r) => r !== "*" && !r.includes("/")))
      errors.push(
        invalidValue(
          at,
          resources,
          "if '*' is present, must not specify other resources without subresources",
        ),
      );
    if (resource === "*/*" && resources.length > 1)
      errors.push(invalidValue(at, resources, "if '*/*' is present, must not specify other resources"));
  });
  return errors;
}

export function validateMatchResources(match: MatchResources, at: Path): FieldError[] {
  const errors = [
    ...validateLabelSelector(match.namespaceSelector, at.child("namespaceSelector")),
    ...validateLabelSelector(match.objectSelector, at.child("objectSelector")),
    ...validateMatchPolicy(match.matchPolicy, at.child("matchPolicy")),
  ];
  for (const field of ["resourceRules", "excludeResourceRules"] as const)
    (match[field] ?? []).forEach((rule, i) => errors.push(...validateRule(rule, at.child(field).index(i))));
  return errors;
}

export const validateMatchPolicy = (policy: string | undefined, at: Path): FieldError[] =>
  policy === undefined
    ? [required(at)]
    : ["Equivalent", "Exact"].includes(policy)
      ? []
      : [notSupported(at, policy, ["Equivalent", "Exact"])];

export const validateFailurePolicy = (policy: string | undefined, at: Path): FieldError[] =>
  policy === undefined || ["Fail", "Ignore"].includes(policy)
    ? []
    : [notSupported(at, policy, ["Fail", "Ignore"])];

export function validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  at: Path,
): FieldError[] {
  const list = conditions ?? [];
  const errors: FieldError[] = list.length > 64 ? [tooMany(at, list.length, 64)] : [];
  const seen = new Set<string>();
  list.forEach((condition, i) => {
    const where = at.index(i);
    if (!condition.expression?.trim()) errors.push(required(where.child("expression")));
    else errors.push(...validateExpression(condition.expression, "bool", where.child("expression")));
    if (!condition.name) errors.push(required(where.child("name")));
    else errors.push(...check(qualifiedName, condition.name, where.child("name")));
    if (seen.has(condition.name)) errors.push(duplicate(where.child("name"), condition.name));
    seen.add(condition.name);
  });
  return errors;
}

/** An expression must compile; policies' variables are allowed wherever one may be theirs. */
export function validateExpression(
  expression: string,
  result: "bool" | "string" | "any",
  at: Path,
  declared?: readonly string[],
): FieldError[] {
  const problem = expressionProblem(expression, { result, policy: true, declared });
  return problem === undefined ? [] : [invalidValue(at, expression, problem)];
}

export function validateVariables(variables: readonly Variable[] | undefined, at: Path): FieldError[] {
  const seen = new Set<string>();
  return (variables ?? []).flatMap((variable, i) => {
    const where = at.index(i);
    const errors: FieldError[] = [];
    if (!variable.name) errors.push(required(where.child("name"), "name is not specified"));
    else errors.push(...check(cIdentifier, variable.name, where.child("name")));
    if (seen.has(variable.name)) errors.push(duplicate(where.child("name"), variable.name));
    const before = [...seen];
    seen.add(variable.name);
    if (!variable.expression?.trim())
      errors.push(required(where.child("expression"), "expression is not specified"));
    else errors.push(...validateExpression(variable.expression, "any", where.child("expression"), before));
    return errors;
  });
}

export function validateParamKind(kind: ParamKind | undefined, at: Path): FieldError[] {
  if (!kind) return [];
  const errors: FieldError[] = [];
  if (!kind.apiVersion) errors.push(required(at.child("apiVersion")));
  else if (kind.apiVersion.split("/").length > 2)
    errors.push(
      invalidValue(
        at.child("apiVersion"),
        kind.apiVersion,
        `unexpected GroupVersion string: ${kind.apiVersion}`,
      ),
    );
  if (!kind.kind) errors.push(required(at.child("kind")));
  else
    for (const message of dnsLabel1035(kind.kind.toLowerCase()))
      errors.push(
        invalidValue(
          at.child("kind"),
          kind.kind,
          `may have mixed case, but should otherwise match: ${message}`,
        ),
      );
  return errors;
}

export function validateParamRef(ref: ParamRef | undefined, at: Path): FieldError[] {
  if (!ref) return [];
  const errors: FieldError[] = [];
  if (ref.name && ref.selector)
    errors.push(
      forbiddenField(at.child("name"), "name and selector are mutually exclusive"),
      forbiddenField(at.child("selector"), "name and selector are mutually exclusive"),
    );
  if (!ref.name && !ref.selector) errors.push(required(at, "one of name or selector must be specified"));
  if (ref.name) errors.push(...check(dnsSubdomain, ref.name, at.child("name")));
  errors.push(...validateLabelSelector(ref.selector, at.child("selector")));
  if (ref.namespace) errors.push(...check(dnsLabel, ref.namespace, at.child("namespace")));
  const actions = ["Allow", "Deny"];
  if (ref.parameterNotFoundAction === undefined) errors.push(required(at.child("parameterNotFoundAction")));
  else if (!actions.includes(ref.parameterNotFoundAction))
    errors.push(notSupported(at.child("parameterNotFoundAction"), ref.parameterNotFoundAction, actions));
  return errors;
}

interface PolicyBindingSpec {
  readonly policyName?: string | undefined;
  readonly paramRef?: ParamRef | undefined;
  readonly matchResources?: MatchResources | undefined;
}

/** What the bindings of both kinds of policies have. */
export function validatePolicyBinding(spec: PolicyBindingSpec | undefined, at: Path): FieldError[] {
  const { policyName, paramRef, matchResources } = spec ?? {};
  return [
    ...(policyName
      ? check(dnsSubdomain, policyName, at.child("policyName"))
      : [required(at.child("policyName"))]),
    ...validateParamRef(paramRef, at.child("paramRef")),
    ...(matchResources ? validateMatchResources(matchResources, at.child("matchResources")) : []),
  ];
}

/** The columns of both. */
export const policyBindingColumns = <T extends { readonly spec?: PolicyBindingSpec | undefined }>() => [
  nameColumn,
  column<T>("PolicyName", ({ spec }) => spec?.policyName ?? ""),
  column<T>("ParamRef", ({ spec }) => paramRefCell(spec?.paramRef)),
  ageColumn,
];

const paramRefCell = (ref: ParamRef | undefined): string =>
  !ref ? "<unset>" : ref.name ? (ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name) : "<selector>";
export const paramKindCell = (kind: ParamKind | undefined): string =>
  kind ? `${kind.apiVersion}/${kind.kind}` : "<unset>";

/** Where a webhook is called: a URL, or a service of the cluster. */
export function validateClientConfig(config: WebhookClientConfig | undefined, at: Path): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined))
    return [required(at, "exactly one of url or service is required")];
  if (url !== undefined) return validateURL(url, at.child("url"));
  const where = at.child("service");
  const errors: FieldError[] = [];
  if (!service?.name) errors.push(required(where.child("name"), "service name is required"));
  if (!service?.namespace) errors.push(required(where.child("namespace"), "service namespace is required"));
  for (const message of portNumber(service?.port ?? 443))
    errors.push(invalidValue(where.child("port"), service?.port ?? 0, `port is not valid: ${message}`));
  if (service?.path !== undefined && !service.path.startsWith("/"))
    errors.push(invalidValue(where.child("path"), service.path, "must start with a '/'"));
  return errors;
}

function validateURL(text: string, at: Path): FieldError[] {
  const form = "; desired format: https://host[/path]";
  if (!URL.canParse(text)) return [required(at, `url must be a valid URL: ${JSON.stringify(text)}${form}`)];
  const url = new URL(text);
  const errors: FieldError[] = [];
  if (url.protocol !== "https:")
    errors.push(invalidValue(at, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  if (!url.host) errors.push(invalidValue(at, url.host, `host must be specified${form}`));
  if (url.username || url.password)
    errors.push(invalidValue(at, url.username, "user information is not permitted in the URL"));
  if (url.hash) errors.push(invalidValue(at, url.hash.slice(1), "fragments are not permitted in the URL"));
  if (url.search)
    errors.push(invalidValue(at, url.search.slice(1), "query parameters are not permitted in the URL"));
  return errors;
}
