import type { WebhookParts } from "../webhooks/review.ts";
import { createMutatingWebhooks } from "../webhooks/mutating.ts";
import { createValidatingWebhooks } from "../webhooks/validating.ts";
import { createMutatingPolicies } from "./mutating.ts";
import { createValidatingPolicies } from "./validating.ts";
import type { AdmissionPlugin } from "../plugin.ts";

/** What operators say about writes at run time: policies, then webhooks. */
export const createDynamicAdmission = (parts: WebhookParts): readonly AdmissionPlugin[] => [
  createMutatingPolicies(parts.resources),
  createMutatingWebhooks(parts),
  createValidatingPolicies(parts.resources),
  createValidatingWebhooks(parts),
];
