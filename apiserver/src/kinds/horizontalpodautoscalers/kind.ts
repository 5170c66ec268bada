import type { HorizontalPodAutoscaler } from "@coracle/shared/api/generated/autoscaling-v2.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, integerColumn, nameColumn } from "../shared/columns.ts";
import { metricsCell } from "./columns.ts";
import { fromStorage, toStorage } from "./convert.ts";
import { setAutoscalerDefaults } from "./defaults.ts";
import { validateAutoscaler, validateAutoscalerStatus, validateAutoscalerUpdate } from "./validate.ts";

export const horizontalPodAutoscalers = defineKind<HorizontalPodAutoscaler>({
  group: "autoscaling",
  versions: ["v2", "v1"],
  kind: "HorizontalPodAutoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  setDefaults: setAutoscalerDefaults,
  prepareForCreate: (hpa) => {
    hpa.status = { desiredReplicas: 0 };
  },
  validate: validateAutoscaler,
  validateUpdate: validateAutoscalerUpdate,
  validateStatusUpdate: validateAutoscalerStatus,
  convert: { toStorage, fromStorage },
  columns: [
    nameColumn,
    column("Reference", ({ spec }) => `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`),
    column("Targets", (hpa) => metricsCell(hpa.spec?.metrics ?? [], hpa.status?.currentMetrics ?? [])),
    column("MinPods", ({ spec }) => String(spec?.minReplicas ?? "<unset>")),
    integerColumn("MaxPods", ({ spec }) => spec?.maxReplicas ?? 0),
    integerColumn("Replicas", ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
});
