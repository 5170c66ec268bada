/** One call of a webhook: the review it is sent, and what it answers. */
import type { AdmissionResponse, AdmissionReview } from "@coracle/shared/api/generated/admission-v1.ts";
import { ApiError, badRequest, internalError, type Status } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { annotateAudit } from "../../audit/context.ts";
import { toCel } from "@coracle/shared/cel/values.ts";
import { isObject } from "../../patch/json.ts";
import type { ResourceTable } from "../../registry/resources.ts";
import { authorizerFor } from "../policies/authorizer.ts";
import type { AdmissionContext, Attributes } from "../plugin.ts";
import type { CallWebhook } from "./call.ts";
import type { MatchedWebhook } from "./configurations.ts";
import { labelsMatch } from "./match.ts";
import { requestOf, type Shown } from "./request.ts";
import { shownIn } from "./versions.ts";

export interface WebhookParts {
  readonly call: CallWebhook;
  /** Of the server that this admission is for; it comes to be after the chain has been put together. */
  readonly resources: () => ResourceTable;
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly response: AdmissionResponse;
  /** The object that the webhook was shown. */
  readonly shown: KubeObject | undefined;
}

/** A webhook whose turn it is. */
export interface Turn {
  readonly matched: MatchedWebhook;
  readonly phase: "mutating" | "validating";
  /** As the audit log names it: `round_0_index_2`. */
  readonly place: string;
}

/**
 * Asks a webhook about a write.
 * @returns undefined when it is not about this one after all, or cannot be asked and need not be
 * @throws ApiError when it refuses, or cannot be asked and must be
 */
export async function ask(
  parts: WebhookParts,
  { matched, phase, place }: Turn,
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<Outcome | undefined> {
  const { webhook } = matched;
  if (!(await labelsMatch(matched.target, attributes, ctx))) return undefined;
  const shown = await show(parts.resources(), matched, attributes);
  const request = requestOf(attributes, matched.version);
  if (matched.conditions.count > 0) {
    const verdict = matched.conditions.evaluate({
      object: toCel(shown.object),
      oldObject: toCel(shown.oldObject),
      request: toCel(request),
      authorizer: authorizerFor(ctx.authorize, attributes),
    });
    if (!verdict.matches) {
      if (verdict.error === undefined || webhook.failurePolicy === "Ignore") return undefined;
      throw forbiddenBy(attributes, verdict.error);
    }
  }
  if (attributes.dryRun && webhook.sideEffects !== "None" && webhook.sideEffects !== "NoneOnDryRun")
    throw badRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  const full = { ...request, object: shown.object ?? null, oldObject: shown.oldObject ?? null };
  try {
    const response = await send(parts, matched, full);
    for (const warning of response.warnings ?? []) attributes.warn(warning);
    for (const [key, value] of Object.entries(response.auditAnnotations ?? {}))
      annotateAudit(`${webhook.name}/${key}`, value);
    return { response, shown: shown.object };
  } catch (error) {
    const why = `failed calling webhook ${JSON.stringify(webhook.name)}: ${(error as Error).message}`;
    if (webhook.failurePolicy !== "Ignore") throw internalError(why);
    annotateAudit(`failed-open.${phase}.webhook.admission.k8s.io/${place}`, webhook.name);
    ctx.log?.warn(
      { webhook: webhook.name, configuration: matched.configuration, err: error },
      "a webhook was passed over",
    );
    return undefined;
  }
}

const forbiddenBy = ({ kind, name }: Attributes, why: string): ApiError =>
  new ApiError(
    403,
    "Forbidden",
    `${kind.plural}${kind.group ? `.${kind.group}` : ""} ${JSON.stringify(name)} is forbidden: ${why}`,
    {
      name,
      ...(kind.group ? { group: kind.group } : {}),
      kind: kind.plural,
    },
  );

async function show(
  resources: ResourceTable,
  { version }: MatchedWebhook,
  attributes: Attributes,
): Promise<Shown> {
  const { object, oldObject } = attributes;
  return {
    version,
    object: object && (await shownIn(resources, attributes, object, version)),
    oldObject: oldObject && (await shownIn(resources, attributes, oldObject, version)),
  };
}

const reviewVersions = ["v1", "v1beta1"];

async function send(
  parts: WebhookParts,
  { webhook }: MatchedWebhook,
  request: object,
): Promise<AdmissionResponse> {
  const version = webhook.admissionReviewVersions.find((v) => reviewVersions.includes(v)) ?? "v1";
  const apiVersion = `admission.k8s.io/${version}`;
  const review = { kind: "AdmissionReview", apiVersion, request };
  const timeoutMs = (webhook.timeoutSeconds ?? 10) * 1000;
  const answer = await parts.call(webhook.clientConfig, review, { timeoutMs, signal: parts.signal });
  const { uid } = request as { uid: string };
  return readResponse(answer, { uid, apiVersion, needsVersion: version === "v1" });
}

function readResponse(
  answer: unknown,
  expected: { readonly uid: string; readonly apiVersion: string; readonly needsVersion: boolean },
): AdmissionResponse {
  const { kind, apiVersion, response } = (isObject(answer) ? answer : {}) as AdmissionReview;
  if (expected.needsVersion && (kind !== "AdmissionReview" || apiVersion !== expected.apiVersion)) {
    throw new Error(
      `received invalid webhook response: expected webhook response of ${expected.apiVersion}, Kind=AdmissionReview, got ${apiVersion ?? ""}, Kind=${kind ?? ""}`,
    );
  }
  if (!response) throw new Error("received invalid webhook response: webhook response was absent");
  if (expected.needsVersion && response.uid !== expected.uid) {
    throw new Error(
      `received invalid webhook response: expected response.uid=${JSON.stringify(expected.uid)}, got ${JSON.stringify(response.uid)}`,
    );
  }
  return response;
}

/** A webhook's refusal, in upstream's form; it may choose the code and the reason. */
export function denial(name: string, result: Partial<Status> | undefined): ApiError {
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = result?.message || result?.reason;
  const code = result?.code && result.code >= 400 ? result.code : 400;
  const message = why ? `${denied}: ${why}` : `${denied} without explanation`;
  return new ApiError(code, result?.reason ?? "", message, result?.details);
}
