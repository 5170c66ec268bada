/** ValidatingAdmissionPolicy: rules about writes as expressions. */
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { ApiError, forbidden } from "@coracle/shared/errors.ts";
import { annotateAudit } from "../../audit/context.ts";
import type { ResourceTable } from "../../registry/resources.ts";
import { nameOf, type AdmissionContext, type AdmissionPlugin, type Attributes } from "../plugin.ts";
import { shownIn } from "../webhooks/versions.ts";
import { evaluateConditions, expressionOf, sceneVariables, withParams, type Variables } from "./compiled.ts";
import { matchPolicies, mayConcern, paramsOf, type MatchedPolicy } from "./matched.ts";

const group = "admissionregistration.k8s.io";
const storages = {
  policies: `validatingadmissionpolicies.${group}`,
  bindings: `validatingadmissionpolicybindings.${group}`,
};

type Matched = MatchedPolicy<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>;

/** One thing that a policy finds wrong with a write. */
interface Finding {
  readonly policy: string;
  readonly binding: ValidatingAdmissionPolicyBinding;
  readonly message: string;
  readonly reason: string | undefined;
  readonly index: number;
}

export function createValidatingPolicies(resources: () => ResourceTable): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionPolicy",
    handles: mayConcern,
    validate: (attributes, ctx) => {
      for (const _ of ctx.cache.all(storages.policies)) return judge(resources(), attributes, ctx);
      return undefined;
    },
  };
}

async function judge(resources: ResourceTable, attributes: Attributes, ctx: AdmissionContext): Promise<void> {
  const findings: Finding[] = [];
  for (const matched of await matchPolicies<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>(
    storages,
    attributes,
    ctx,
  ))
    findings.push(...(await findingsOf(resources, matched, attributes, ctx)));
  const denied: Finding[] = [];
  const audited: object[] = [];
  for (const finding of findings) {
    const { policy, binding, message, index } = finding;
    const actions = binding.spec.validationActions;
    if (actions.includes("Deny")) denied.push(finding);
    if (actions.includes("Warn")) {
      const source = `ValidatingAdmissionPolicy '${policy}' with binding '${binding.metadata.name}'`;
      attributes.warn(`Validation failed for ${source}: ${message}`);
    }
    if (actions.includes("Audit")) {
      const expressionIndex = index;
      audited.push({
        message,
        policy,
        binding: binding.metadata.name,
        expressionIndex,
        validationActions: actions,
      });
    }
  }
  if (audited.length > 0)
    annotateAudit("validation.policy.admission.k8s.io/validation_failure", JSON.stringify(audited));
  if (denied[0]) throw denial(attributes, denied[0]);
}

async function findingsOf(
  resources: ResourceTable,
  { policy, name, version, bindings }: Matched,
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<Finding[]> {
  const { object, oldObject } = attributes;
  const spec = policy.spec ?? {};
  const scene = {
    attributes,
    version,
    object: object && (await shownIn(resources, attributes, object, version)),
    oldObject: oldObject && (await shownIn(resources, attributes, oldObject, version)),
    declared: spec.variables ?? [],
  };
  const variables = await sceneVariables(scene, ctx);
  const found: Finding[] = [];
  for (const binding of bindings) {
    const failed = (message: string): void => {
      if (spec.failurePolicy !== "Ignore")
        found.push({ policy: name, binding, message, reason: undefined, index: 0 });
    };
    try {
      const query = { kind: spec.paramKind, ref: binding.spec.paramRef, namespace: attributes.namespace };
      for (const params of await paramsOf(resources, ctx, query)) {
        const all = withParams(variables, params, scene.declared);
        found.push(...evaluate({ policy, name, binding }, all));
      }
    } catch (error) {
      failed(`failed to configure binding: ${(error as Error).message}`);
    }
  }
  return found;
}

interface Subject {
  readonly policy: ValidatingAdmissionPolicy;
  readonly name: string;
  readonly binding: ValidatingAdmissionPolicyBinding;
}

function evaluate({ policy, name, binding }: Subject, variables: Variables): Finding[] {
  const { spec = {} } = policy;
  const failing = spec.failurePolicy !== "Ignore";
  const finding = (message: string, reason: string | undefined, index: number): Finding => ({
    policy: name,
    binding,
    message,
    reason,
    index,
  });
  const verdict = evaluateConditions(spec.matchConditions, variables);
  if (!verdict.matches) return verdict.error && failing ? [finding(verdict.error, undefined, 0)] : [];
  publishAnnotations({ policy, name, binding }, variables);
  return (spec.validations ?? []).flatMap((validation, i) => {
    try {
      const result = expressionOf(validation.expression).run(variables);
      if (result === true) return [];
      if (result !== false) throw new Error("must evaluate to bool");
    } catch (error) {
      const message = `expression '${validation.expression}' resulted in error: ${(error as Error).message}`;
      return failing ? [finding(message, undefined, i)] : [];
    }
    return [finding(messageOf(validation, variables), validation.reason, i)];
  });
}

function messageOf(validation: Validation, variables: Variables): string {
  const { message, messageExpression, expression } = validation;
  if (messageExpression) {
    try {
      const text = expressionOf(messageExpression).run(variables);
      if (typeof text === "string" && text.trim() !== "" && !text.includes("\n") && text.length <= 5 * 1024)
        return text.trim();
    } catch {
      // A message that cannot be made is not what the write is refused for.
    }
  }
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

function publishAnnotations({ policy, name }: Subject, variables: Variables): void {
  for (const { key, valueExpression } of policy.spec?.auditAnnotations ?? []) {
    try {
      const value = expressionOf(valueExpression).run(variables);
      if (typeof value === "string") annotateAudit(`${name}/${key}`, value.slice(0, 10 * 1024));
    } catch (error) {
      annotateAudit(`${name}/${key}`, `failed to evaluate: ${(error as Error).message}`);
    }
  }
}

const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

function denial(attributes: Attributes, { policy, binding, message, reason = "Invalid" }: Finding): ApiError {
  const { kind } = attributes;
  const why = `ValidatingAdmissionPolicy '${policy}' with binding '${binding.metadata.name}' denied request: ${message}`;
  const refusal = forbidden({ group: kind.group, resource: kind.plural }, nameOf(attributes), why);
  return new ApiError(codes[reason] ?? 422, reason, refusal.message, {
    ...refusal.status.details,
    causes: [{ message: why }],
  });
}
