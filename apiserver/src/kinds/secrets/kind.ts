import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, integerColumn, nameColumn } from "../shared/columns.ts";
import { validateSecret, validateSecretUpdate } from "./validate.ts";

export const secrets = defineKind<Secret>({
  kind: "Secret",
  namespaced: true,
  setDefaults,
  prepareForUpdate: (secret, old) => {
    secret.type ||= old.type;
  },
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  selectableFields: { type: (secret) => secret.type ?? "" },
  columns: [
    nameColumn,
    column("Type", (secret) => secret.type ?? ""),
    integerColumn("Data", (secret) => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
});

/** `stringData` is a way to write only: it is folded into `data` and never stored. */
function setDefaults(secret: Secret): void {
  secret.type ||= "Opaque";
  if (!secret.stringData) return;
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(secret.stringData))
    data[key] = Buffer.from(value).toString("base64");
  secret.data = data;
  delete secret.stringData;
}
