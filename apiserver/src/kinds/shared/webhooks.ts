import type {
  MutatingWebhook,
  ValidatingWebhook,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import {
  duplicate,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import {
  setRuleDefaults,
  validateClientConfig,
  validateFailurePolicy,
  validateMatchConditions,
  validateMatchPolicy,
  validateRule,
} from "./admission.ts";
import { dnsLabel, dnsSubdomain } from "./names.ts";
import { validateLabelSelector } from "./selector.ts";

type Webhook = MutatingWebhook | ValidatingWebhook;

export function setWebhookDefaults(webhooks: readonly Webhook[] | undefined): void {
  for (const webhook of webhooks ?? []) {
    webhook.failurePolicy ??= "Fail";
    webhook.matchPolicy ??= "Equivalent";
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= 10;
    setRuleDefaults(webhook.rules);
    if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  }
}

export function validateWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return (webhooks ?? []).flatMap((webhook, i) => {
    const at = path("webhooks").index(i);
    const errors = validateWebhook(webhook, at);
    if (seen.has(webhook.name)) errors.push(duplicate(at.child("name"), webhook.name));
    seen.add(webhook.name);
    return errors;
  });
}

const reviewVersions = ["v1", "v1beta1"];

function validateWebhook(webhook: Webhook, at: Path): FieldError[] {
  const errors = [
    ...validateName(webhook.name ?? "", at.child("name")),
    ...validateLabelSelector(webhook.namespaceSelector, at.child("namespaceSelector")),
    ...validateLabelSelector(webhook.objectSelector, at.child("objectSelector")),
    ...validateFailurePolicy(webhook.failurePolicy, at.child("failurePolicy")),
    ...validateMatchPolicy(webhook.matchPolicy, at.child("matchPolicy")),
    ...validateVersions(webhook.admissionReviewVersions ?? [], at.child("admissionReviewVersions")),
    ...validateClientConfig(webhook.clientConfig, at.child("clientConfig")),
    ...validateMatchConditions(webhook.matchConditions, at.child("matchConditions")),
  ];
  (webhook.rules ?? []).forEach((rule, i) => errors.push(...validateRule(rule, at.child("rules").index(i))));
  const effects = ["None", "NoneOnDryRun"];
  if (!webhook.sideEffects)
    errors.push(required(at.child("sideEffects"), "must specify one of None, NoneOnDryRun"));
  else if (!effects.includes(webhook.sideEffects))
    errors.push(notSupported(at.child("sideEffects"), webhook.sideEffects, effects));
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > 30))
    errors.push(
      invalidValue(at.child("timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds"),
    );
  const reinvocation = "reinvocationPolicy" in webhook ? webhook.reinvocationPolicy : undefined;
  if (reinvocation !== undefined && !["IfNeeded", "Never"].includes(reinvocation))
    errors.push(notSupported(at.child("reinvocationPolicy"), reinvocation, ["IfNeeded", "Never"]));
  return errors;
}

/** A domain of three parts at least, so that two authors never choose the same. */
function validateName(name: string, at: Path): FieldError[] {
  if (!name) return [required(at)];
  const wrong = dnsSubdomain(name);
  if (wrong.length > 0) return [invalidValue(at, name, wrong.join(","))];
  return name.split(".").length < 3
    ? [invalidValue(at, name, "should be a domain with at least three segments separated by dots")]
    : [];
}

function validateVersions(versions: readonly string[], at: Path): FieldError[] {
  if (versions.length === 0) return [required(at, `must specify one of ${reviewVersions.join(", ")}`)];
  const errors: FieldError[] = [];
  versions.forEach((version, i) => {
    if (versions.indexOf(version) !== i) errors.push(invalidValue(at.index(i), version, "duplicate version"));
    for (const message of dnsLabel(version)) errors.push(invalidValue(at.index(i), version, message));
  });
  if (!versions.some((version) => reviewVersions.includes(version)))
    errors.push(invalidValue(at, versions, `must include at least one of ${reviewVersions.join(", ")}`));
  return errors;
}
