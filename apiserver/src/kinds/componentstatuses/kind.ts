import type { ComponentStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { column, nameColumn } from "../shared/columns.ts";

/** Read-only, made on request. */
export const componentStatuses = defineKind<ComponentStatus>({
  kind: "ComponentStatus",
  plural: "componentstatuses",
  shortNames: ["cs"],
  deprecation: "v1 ComponentStatus is deprecated in v1.19+",
  namespaced: false,
  verbs: ["get", "list"],
  columns: [
    nameColumn,
    column("Status", (o) => {
      const status = healthy(o)?.status;
      return status === undefined ? "Unknown" : status === "True" ? "Healthy" : "Unhealthy";
    }),
    column("Message", (o) => healthy(o)?.message ?? ""),
    column("Error", (o) => healthy(o)?.error ?? ""),
  ],
});

const healthy = ({ conditions }: ComponentStatus) => conditions?.find((c) => c.type === "Healthy");
