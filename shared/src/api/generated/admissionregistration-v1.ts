// Written by apiserver/src/schema/generate. Do not edit.
import type { Condition, LabelSelector, ListMeta, ObjectMeta } from "./meta-v1.ts";

export type ApplyConfiguration = {
  expression?: string | undefined;
};

export type AuditAnnotation = {
  key: string;
  valueExpression: string;
};

export type ExpressionWarning = {
  fieldRef: string;
  warning: string;
};

export type JSONPatch = {
  expression?: string | undefined;
};

export type MatchCondition = {
  name: string;
  expression: string;
};

export type MatchResources = {
  namespaceSelector?: LabelSelector | undefined;
  objectSelector?: LabelSelector | undefined;
  resourceRules?: NamedRuleWithOperations[] | undefined;
  excludeResourceRules?: NamedRuleWithOperations[] | undefined;
  matchPolicy?: string | undefined;
};

export type MutatingAdmissionPolicy = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: MutatingAdmissionPolicySpec | undefined;
};

export type MutatingAdmissionPolicyBinding = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: MutatingAdmissionPolicyBindingSpec | undefined;
};

export type MutatingAdmissionPolicyBindingList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: MutatingAdmissionPolicyBinding[];
};

export type MutatingAdmissionPolicyBindingSpec = {
  policyName?: string | undefined;
  paramRef?: ParamRef | undefined;
  matchResources?: MatchResources | undefined;
};

export type MutatingAdmissionPolicyList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: MutatingAdmissionPolicy[];
};

export type MutatingAdmissionPolicySpec = {
  paramKind?: ParamKind | undefined;
  matchConstraints?: MatchResources | undefined;
  variables?: Variable[] | undefined;
  mutations?: Mutation[] | undefined;
  failurePolicy?: string | undefined;
  matchConditions?: MatchCondition[] | undefined;
  reinvocationPolicy?: string | undefined;
};

export type MutatingWebhook = {
  name: string;
  clientConfig: WebhookClientConfig;
  rules?: RuleWithOperations[] | undefined;
  failurePolicy?: string | undefined;
  matchPolicy?: string | undefined;
  namespaceSelector?: LabelSelector | undefined;
  objectSelector?: LabelSelector | undefined;
  sideEffects: string;
  timeoutSeconds?: number | undefined;
  admissionReviewVersions: string[];
  reinvocationPolicy?: string | undefined;
  matchConditions?: MatchCondition[] | undefined;
};

export type MutatingWebhookConfiguration = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  webhooks?: MutatingWebhook[] | undefined;
};

export type MutatingWebhookConfigurationList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: MutatingWebhookConfiguration[];
};

export type Mutation = {
  patchType: string;
  applyConfiguration?: ApplyConfiguration | undefined;
  jsonPatch?: JSONPatch | undefined;
};

export type NamedRuleWithOperations = {
  resourceNames?: string[] | undefined;
  operations?: string[] | undefined;
  apiGroups?: string[] | undefined;
  apiVersions?: string[] | undefined;
  resources?: string[] | undefined;
  scope?: string | undefined;
};

export type ParamKind = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
};

export type ParamRef = {
  name?: string | undefined;
  namespace?: string | undefined;
  selector?: LabelSelector | undefined;
  parameterNotFoundAction?: string | undefined;
};

export type Rule = {
  apiGroups?: string[] | undefined;
  apiVersions?: string[] | undefined;
  resources?: string[] | undefined;
  scope?: string | undefined;
};

export type RuleWithOperations = {
  operations?: string[] | undefined;
  apiGroups?: string[] | undefined;
  apiVersions?: string[] | undefined;
  resources?: string[] | undefined;
  scope?: string | undefined;
};

export type ServiceReference = {
  namespace: string;
  name: string;
  path?: string | undefined;
  port?: number | undefined;
};

export type TypeChecking = {
  expressionWarnings?: ExpressionWarning[] | undefined;
};

export type ValidatingAdmissionPolicy = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: ValidatingAdmissionPolicySpec | undefined;
  status?: ValidatingAdmissionPolicyStatus | undefined;
};

export type ValidatingAdmissionPolicyBinding = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: ValidatingAdmissionPolicyBindingSpec;
};

export type ValidatingAdmissionPolicyBindingList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ValidatingAdmissionPolicyBinding[];
};

export type ValidatingAdmissionPolicyBindingSpec = {
  policyName: string;
  paramRef?: ParamRef | undefined;
  matchResources?: MatchResources | undefined;
  validationActions: string[];
};

export type ValidatingAdmissionPolicyList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ValidatingAdmissionPolicy[];
};

export type ValidatingAdmissionPolicySpec = {
  paramKind?: ParamKind | undefined;
  matchConstraints?: MatchResources | undefined;
  validations?: Validation[] | undefined;
  failurePolicy?: string | undefined;
  auditAnnotations?: AuditAnnotation[] | undefined;
  matchConditions?: MatchCondition[] | undefined;
  variables?: Variable[] | undefined;
};

export type ValidatingAdmissionPolicyStatus = {
  observedGeneration?: number | undefined;
  typeChecking?: TypeChecking | undefined;
  conditions?: Condition[] | undefined;
};

export type ValidatingWebhook = {
  name: string;
  clientConfig: WebhookClientConfig;
  rules?: RuleWithOperations[] | undefined;
  failurePolicy?: string | undefined;
  matchPolicy?: string | undefined;
  namespaceSelector?: LabelSelector | undefined;
  objectSelector?: LabelSelector | undefined;
  sideEffects: string;
  timeoutSeconds?: number | undefined;
  admissionReviewVersions: string[];
  matchConditions?: MatchCondition[] | undefined;
};

export type ValidatingWebhookConfiguration = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  webhooks?: ValidatingWebhook[] | undefined;
};

export type ValidatingWebhookConfigurationList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: ValidatingWebhookConfiguration[];
};

export type Validation = {
  expression: string;
  message?: string | undefined;
  reason?: string | undefined;
  messageExpression?: string | undefined;
};

export type Variable = {
  name: string;
  expression: string;
};

export type WebhookClientConfig = {
  url?: string | undefined;
  service?: ServiceReference | undefined;
  caBundle?: string | undefined;
};
