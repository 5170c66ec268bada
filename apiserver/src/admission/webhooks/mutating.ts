/** Webhooks that may change a write, one after the other. */
import type { AdmissionResponse } from "@coracle/shared/api/generated/admission-v1.ts";
import { ApiError, internalError, type Status } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { annotateAudit } from "../../audit/context.ts";
import { applyJsonPatch } from "../../patch/json-patch.ts";
import { clone, equal } from "../../patch/json.ts";
import type { ResourceTable } from "../../registry/resources.ts";
import { setDefaults } from "../../registry/strategy.ts";
import type { AdmissionContext, AdmissionPlugin, Attributes } from "../plugin.ts";
import { webhooksFor, type MatchedWebhook } from "./configurations.ts";
import { versionOf } from "./match.ts";
import { ask, denial, type Outcome, type WebhookParts } from "./review.ts";
import { checked, shownIn } from "./versions.ts";

const storage = "mutatingwebhookconfigurations.admissionregistration.k8s.io";

/** What each webhook left behind in the first round of a write. */
const rounds = new WeakMap<Attributes, ReadonlyMap<string, KubeObject | undefined>>();

export function createMutatingWebhooks(parts: WebhookParts): AdmissionPlugin {
  return {
    name: "MutatingAdmissionWebhook",
    handles: (attributes) => attributes.kind.group !== "admissionregistration.k8s.io",
    mutate: (attributes, ctx) => {
      const webhooks = webhooksFor(ctx.cache, storage, attributes);
      return webhooks.length > 0 ? run(parts, webhooks, attributes, ctx) : undefined;
    },
    // What has no mutating phase is shown to these webhooks all the same.
    validate: (attributes, ctx) => {
      if (attributes.operation !== "DELETE" && attributes.operation !== "CONNECT") return undefined;
      const webhooks = webhooksFor(ctx.cache, storage, attributes);
      return webhooks.length > 0 ? dropChange(run(parts, webhooks, attributes, ctx)) : undefined;
    },
  };
}

async function dropChange(running: Promise<void | "changed">): Promise<void> {
  await running;
}

/** Calls the webhooks; in a second round those that asked for it, and see something new. */
async function run(
  parts: WebhookParts,
  webhooks: readonly MatchedWebhook[],
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<void | "changed"> {
  const before = rounds.get(attributes);
  const left = new Map<string, KubeObject | undefined>();
  let changed = false;
  for (const [index, matched] of webhooks.entries()) {
    const id = `${matched.configuration}/${matched.webhook.name}`;
    if (before && !isReinvoked(matched, attributes, before.get(id))) continue;
    const place = `round_${before ? 1 : 0}_index_${index}`;
    const outcome = await ask(parts, { matched, phase: "mutating", place }, attributes, ctx);
    const mutated = outcome !== undefined && (await take(parts, { matched, outcome }, attributes));
    if (mutated) changed = true;
    if (outcome) {
      const { configuration, webhook } = matched;
      const told = { configuration, webhook: webhook.name, mutated };
      annotateAudit(`mutation.webhook.admission.k8s.io/${place}`, JSON.stringify(told));
    }
    left.set(id, attributes.object && clone(attributes.object));
  }
  if (!before) rounds.set(attributes, left);
  return changed && !before ? "changed" : undefined;
}

const isReinvoked = (
  { webhook }: MatchedWebhook,
  { object }: Attributes,
  left: KubeObject | undefined,
): boolean => webhook.reinvocationPolicy === "IfNeeded" && left !== undefined && !equal(left, object);

interface Taken {
  readonly matched: MatchedWebhook;
  readonly outcome: Outcome;
}

/** Applies what a webhook answered. @returns whether the object is another now. @throws ApiError */
async function take(
  parts: WebhookParts,
  { matched, outcome }: Taken,
  attributes: Attributes,
): Promise<boolean> {
  const { response, shown } = outcome;
  const { name, failurePolicy } = matched.webhook;
  if (!response.allowed) throw denial(name, response.status as Partial<Status> | undefined);
  let patch: unknown;
  try {
    patch = readPatch(response);
  } catch (error) {
    if (failurePolicy === "Ignore") return false;
    throw internalError(`failed calling webhook ${JSON.stringify(name)}: ${(error as Error).message}`);
  }
  if (!patch || !shown || !attributes.object) return false;
  const resources = parts.resources();
  const patched = carryOut(resources, attributes, { patch, shown });
  const next = await shownIn(resources, attributes, patched, versionOf(attributes));
  // Whoever is asked next sees what was added with its defaults.
  if (!attributes.body) setDefaults(attributes.kind, next);
  if (equal(next, attributes.object)) return false;
  attributes.object = next;
  return true;
}

/** A patch that cannot be carried out is no failed call: `failurePolicy` does not forgive it. @throws ApiError 500 */
function carryOut(
  resources: ResourceTable,
  attributes: Attributes,
  { patch, shown }: { readonly patch: unknown; readonly shown: KubeObject },
): KubeObject {
  try {
    return checked(resources, attributes, applyJsonPatch(shown, patch) as KubeObject);
  } catch (error) {
    const [cause] = error instanceof ApiError ? (error.status.details?.causes ?? []) : [];
    throw internalError(cause?.message ?? (error as Error).message);
  }
}

function readPatch({ patch, patchType }: AdmissionResponse): unknown {
  if (!patch) {
    if (patchType) throw new Error("webhook returned response.patchType but not response.patch");
    return undefined;
  }
  if (patchType !== "JSONPatch")
    throw new Error(`webhook returned invalid response.patchType of ${JSON.stringify(patchType ?? "")}`);
  return JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as unknown;
}
