/** Webhooks that may refuse a write, all at once. */
import type { Status } from "@coracle/shared/errors.ts";
import type { AdmissionPlugin } from "../plugin.ts";
import { webhooksFor, type MatchedWebhook } from "./configurations.ts";
import { ask, denial, type WebhookParts } from "./review.ts";

const storage = "validatingwebhookconfigurations.admissionregistration.k8s.io";

export function createValidatingWebhooks(parts: WebhookParts): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionWebhook",
    handles: (attributes) => attributes.kind.group !== "admissionregistration.k8s.io",
    validate: (attributes, ctx) => {
      const webhooks = webhooksFor(ctx.cache, storage, attributes);
      if (webhooks.length === 0) return undefined;
      const one = async (matched: MatchedWebhook, index: number): Promise<void> => {
        const turn = { matched, phase: "validating", place: `round_0_index_${index}` } as const;
        const outcome = await ask(parts, turn, attributes, ctx);
        if (outcome && !outcome.response.allowed)
          throw denial(matched.webhook.name, outcome.response.status as Partial<Status> | undefined);
      };
      return everyOne(webhooks.map(one));
    },
  };
}

/** Waits for all; the refusal told is that of the first in order. */
async function everyOne(asked: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(asked)).find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
