import type { ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, integerColumn, nameColumn } from "../shared/columns.ts";

export const serviceAccounts = defineKind<ServiceAccount>({
  kind: "ServiceAccount",
  shortNames: ["sa"],
  namespaced: true,
  returnDeleted: true,
  columns: [nameColumn, integerColumn("Secrets", (account) => account.secrets?.length ?? 0), ageColumn],
  subresources: ["token"],
});
