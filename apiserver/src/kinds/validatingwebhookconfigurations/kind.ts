import type { ValidatingWebhookConfiguration } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, integerColumn, nameColumn } from "../shared/columns.ts";
import { setWebhookDefaults, validateWebhooks } from "../shared/webhooks.ts";

export const validatingWebhookConfigurations = defineKind<ValidatingWebhookConfiguration>({
  group: "admissionregistration.k8s.io",
  kind: "ValidatingWebhookConfiguration",
  categories: ["api-extensions"],
  namespaced: false,
  generation: true,
  unconditionalUpdate: false,
  setDefaults: (configuration) => setWebhookDefaults(configuration.webhooks),
  validate: (configuration) => validateWebhooks(configuration.webhooks),
  validateUpdate: (configuration) => validateWebhooks(configuration.webhooks),
  columns: [
    nameColumn,
    integerColumn("Webhooks", (configuration) => configuration.webhooks?.length ?? 0),
    ageColumn,
  ],
});
