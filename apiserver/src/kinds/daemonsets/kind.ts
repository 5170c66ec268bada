import type { DaemonSet, DaemonSetUpdateStrategy } from "@coracle/shared/api/generated/apps-v1.ts";
import {
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import {
  ageColumn,
  column,
  containerColumns,
  integerColumn,
  labelsCell,
  nameColumn,
  selectorCell,
  wide,
} from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { setPodTemplateDefaults } from "../shared/pod/defaults.ts";
import { templateWarnings } from "../shared/pod/warnings.ts";
import {
  amountOf,
  notMoreThanAll,
  validateCollisions,
  validateCounters,
  validateImmutable,
  validateIntOrPercent,
  validateNonNegative,
  validateSelectorAndTemplate,
} from "../shared/workload.ts";

const root = path("spec");

export const daemonSets = defineKind<DaemonSet>({
  group: "apps",
  kind: "DaemonSet",
  shortNames: ["ds"],
  categories: ["all"],
  namespaced: true,
  status: true,
  generation: true,
  setDefaults,
  prepareForCreate: (ds) => {
    ds.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
    setTemplateGeneration(ds, 1);
  },
  prepareForUpdate: (ds, old) => {
    const generation = templateGeneration(old);
    const changed = !semanticEqual(ds.spec?.template, old.spec?.template);
    setTemplateGeneration(ds, changed ? generation + 1 : generation);
  },
  validate,
  validateUpdate: (ds, old) => [
    ...validate(ds),
    ...validateImmutable(ds.spec?.selector, old.spec?.selector, root.child("selector")),
  ],
  warnings: (ds, old) => templateWarnings(ds.spec?.template, root.child("template"), ds, old),
  validateStatusUpdate: (ds, old) => [
    ...validateCounters(ds.status, counters, path("status")),
    ...validateCollisions(ds.status?.collisionCount, old.status?.collisionCount),
  ],
  columns: [
    nameColumn,
    integerColumn("Desired", (ds) => ds.status?.desiredNumberScheduled ?? 0),
    integerColumn("Current", (ds) => ds.status?.currentNumberScheduled ?? 0),
    integerColumn("Ready", (ds) => ds.status?.numberReady ?? 0),
    integerColumn("Up-to-date", (ds) => ds.status?.updatedNumberScheduled ?? 0),
    integerColumn("Available", (ds) => ds.status?.numberAvailable ?? 0),
    column("Node Selector", (ds) => labelsCell(ds.spec?.template?.spec?.nodeSelector)),
    ageColumn,
    ...containerColumns<DaemonSet>((ds) => ds.spec?.template?.spec?.containers),
    wide(column("Selector", (ds) => selectorCell(ds.spec?.selector))),
  ],
});

const counters = [
  "currentNumberScheduled",
  "numberMisscheduled",
  "desiredNumberScheduled",
  "numberReady",
  "observedGeneration",
  "updatedNumberScheduled",
  "numberAvailable",
  "numberUnavailable",
  "collisionCount",
] as const;

/** Counts the changes of the template; a field once, an annotation since. */
const generationAnnotation = "deprecated.daemonset.template.generation";

const templateGeneration = ({ metadata }: DaemonSet): number =>
  Number(metadata.annotations?.[generationAnnotation] ?? 0);

function setTemplateGeneration({ metadata }: DaemonSet, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [generationAnnotation]: String(generation) };
}

function setDefaults({ spec }: DaemonSet): void {
  if (!spec) return;
  const strategy = (spec.updateStrategy ??= {});
  strategy.type ||= "RollingUpdate";
  if (strategy.type === "RollingUpdate") {
    const rolling = (strategy.rollingUpdate ??= {});
    rolling.maxUnavailable ??= 1;
    rolling.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  setPodTemplateDefaults(spec.template);
}

function validate({ spec }: DaemonSet): FieldError[] {
  const words = { selectorOf: "daemonset", templateOf: "DaemonSet" } as const;
  return [
    ...validateSelectorAndTemplate(spec ?? {}, root, words),
    ...validateNonNegative(spec?.minReadySeconds, root.child("minReadySeconds")),
    ...validateStrategy(spec?.updateStrategy ?? {}, root.child("updateStrategy")),
    ...validateNonNegative(spec?.revisionHistoryLimit, root.child("revisionHistoryLimit")),
  ];
}

function validateStrategy(strategy: DaemonSetUpdateStrategy, at: Path): FieldError[] {
  if (strategy.type === "OnDelete") return [];
  if (strategy.type !== "RollingUpdate") return [notSupported(at, strategy, ["RollingUpdate", "OnDelete"])];
  const where = at.child("rollingUpdate");
  if (!strategy.rollingUpdate) return [required(where)];
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, where.child("maxUnavailable")),
    ...validateIntOrPercent(maxSurge, where.child("maxSurge")),
    ...notMoreThanAll(maxUnavailable, where.child("maxUnavailable")),
    ...notMoreThanAll(maxSurge, where.child("maxSurge")),
  ];
  if (amountOf(maxUnavailable) > 0 && amountOf(maxSurge) > 0)
    errors.push(
      invalidValue(where.child("maxSurge"), maxSurge ?? 0, "may not be set when maxUnavailable is non-zero"),
    );
  else if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0)
    errors.push(required(where.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"));
  return errors;
}
