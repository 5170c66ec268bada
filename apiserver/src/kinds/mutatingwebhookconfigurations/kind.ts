import type { MutatingWebhookConfiguration } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, integerColumn, nameColumn } from "../shared/columns.ts";
import { setWebhookDefaults, validateWebhooks } from "../shared/webhooks.ts";

export const mutatingWebhookConfigurations = defineKind<MutatingWebhookConfiguration>({
  group: "admissionregistration.k8s.io",
  kind: "MutatingWebhookConfiguration",
  categories: ["api-extensions"],
  namespaced: false,
  generation: true,
  unconditionalUpdate: false,
  setDefaults: (configuration) => {
    setWebhookDefaults(configuration.webhooks);
    for (const webhook of configuration.webhooks ?? []) webhook.reinvocationPolicy ??= "Never";
  },
  validate: (configuration) => validateWebhooks(configuration.webhooks),
  validateUpdate: (configuration) => validateWebhooks(configuration.webhooks),
  columns: [
    nameColumn,
    integerColumn("Webhooks", (configuration) => configuration.webhooks?.length ?? 0),
    ageColumn,
  ],
});
