/** Webhooks as their configurations register them, in the order they are called. */
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import type { CachedObject, WatchCache } from "../../watch/cache.ts";
import { compileConditions, type Conditions } from "./conditions.ts";
import { isExempt, matchedVersion, type Target } from "./match.ts";
import type { Attributes } from "../plugin.ts";

export type Webhook = (MutatingWebhook | ValidatingWebhook) & Pick<MutatingWebhook, "reinvocationPolicy">;

export interface RegisteredWebhook {
  readonly configuration: string;
  readonly webhook: Webhook;
  readonly target: Target;
  readonly conditions: Conditions;
}

const compiled = new WeakMap<CachedObject, readonly RegisteredWebhook[]>();

function compileConfiguration(item: CachedObject): readonly RegisteredWebhook[] {
  let webhooks = compiled.get(item);
  if (!webhooks) {
    const configuration = item.object as MutatingWebhookConfiguration;
    webhooks = (configuration.webhooks ?? []).map((webhook) => ({
      configuration: item.key.name,
      webhook,
      target: {
        rules: webhook.rules ?? [],
        matchPolicy: webhook.matchPolicy,
        namespaceSelector: webhook.namespaceSelector,
        objectSelector: webhook.objectSelector,
      },
      conditions: compileConditions(webhook.matchConditions),
    }));
    compiled.set(item, webhooks);
  }
  return webhooks;
}

export interface MatchedWebhook extends RegisteredWebhook {
  /** In which it wants to see the write. */
  readonly version: string;
}

/** Webhooks with a rule about a write, by the name of their configuration and their place in it. */
export function webhooksFor(cache: WatchCache, storage: string, attributes: Attributes): MatchedWebhook[] {
  if (isExempt(attributes)) return [];
  const items = [...cache.all(storage)];
  if (items.length === 0) return [];
  items.sort((a, b) => (a.key.name < b.key.name ? -1 : 1));
  return items.flatMap(compileConfiguration).flatMap((registered) => {
    const version = matchedVersion(registered.target, attributes);
    return version === undefined ? [] : [{ ...registered, version }];
  });
}
