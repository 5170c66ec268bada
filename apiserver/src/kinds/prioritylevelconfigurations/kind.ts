import type {
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
} from "@coracle/shared/api/generated/flowcontrol-v1.ts";
import { priorityLevels } from "../../flowcontrol/bootstrap.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  type FieldError,
} from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, column, nameColumn, none } from "../shared/columns.ts";
import { semanticEqual } from "../shared/equal.ts";
import { between, mustNotBeNegative } from "../shared/names.ts";

const root = path("spec");
const catchAll = priorityLevels.find(({ metadata }) => metadata.name === "catch-all");

export const priorityLevelConfigurations = defineKind<PriorityLevelConfiguration>({
  group: "flowcontrol.apiserver.k8s.io",
  kind: "PriorityLevelConfiguration",
  namespaced: false,
  status: true,
  metadataOutsideStatus: ["labels", "annotations", "finalizers", "ownerReferences"],
  generation: true,
  setDefaults,
  prepareForCreate: (level) => {
    level.status = {};
  },
  validate,
  validateUpdate: validate,
  columns: [
    nameColumn,
    column("Type", (level) => level.spec?.type ?? ""),
    column("NominalConcurrencyShares", ({ spec }) =>
      String((spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? none),
    ),
    column("Queues", ({ spec }) => String(spec?.limited?.limitResponse?.queuing?.queues ?? none)),
    column("HandSize", ({ spec }) => String(spec?.limited?.limitResponse?.queuing?.handSize ?? none)),
    column("QueueLengthLimit", ({ spec }) =>
      String(spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? none),
    ),
    ageColumn,
  ],
});

function setDefaults({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (!spec?.limited) return;
  spec.limited.nominalConcurrencyShares ??= 30;
  spec.limited.lendablePercent ??= 0;
  const queuing = spec.limited.limitResponse?.queuing;
  if (!queuing) return;
  queuing.queues ||= 64;
  queuing.handSize ||= 8;
  queuing.queueLengthLimit ||= 50;
}

function validate({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.name === "exempt" && spec?.type !== "Exempt")
    errors.push(invalidValue(root.child("type"), spec?.type ?? "", "must be 'Exempt' if `name` is 'exempt'"));
  switch (spec?.type) {
    case "Exempt":
      if (spec.limited)
        errors.push(forbiddenField(root.child("limited"), "must be nil if the type is not Limited"));
      break;
    case "Limited":
      if (spec.exempt)
        errors.push(forbiddenField(root.child("exempt"), "must be nil if the type is Limited"));
      if (!spec.limited)
        errors.push(required(root.child("limited"), "must not be empty when type is Limited"));
      else errors.push(...validateLimited(spec.limited));
      break;
    default:
      errors.push(notSupported(root.child("type"), spec?.type ?? "", ["Exempt", "Limited"]));
  }
  if (metadata.name === "catch-all" && !semanticEqual(spec, catchAll?.spec))
    errors.push(invalidValue(root, spec, "spec of 'catch-all' must equal the fixed value"));
  return errors;
}

function validateLimited(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const at = root.child("limited");
  const errors: FieldError[] = [];
  const shares = limited.nominalConcurrencyShares ?? 0;
  if (shares < 0)
    errors.push(invalidValue(at.child("nominalConcurrencyShares"), shares, "must be a non-negative integer"));
  const lendable = limited.lendablePercent ?? 0;
  if (lendable < 0 || lendable > 100)
    errors.push(invalidValue(at.child("lendablePercent"), lendable, between(0, 100)));
  const borrowing = limited.borrowingLimitPercent;
  if (borrowing !== undefined && borrowing < 0)
    errors.push(invalidValue(at.child("borrowingLimitPercent"), borrowing, mustNotBeNegative));
  const response = limited.limitResponse;
  const where = at.child("limitResponse");
  switch (response?.type) {
    case "Reject":
      if (response.queuing)
        errors.push(
          forbiddenField(where.child("queuing"), "must be nil if limited.limitResponse.type is not Limited"),
        );
      break;
    case "Queue":
      errors.push(...validateQueuing(limited));
      break;
    default:
      errors.push(notSupported(where.child("type"), response?.type ?? "", ["Queue", "Reject"]));
  }
  return errors;
}

function validateQueuing(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const at = root.child("limited", "limitResponse", "queuing");
  const queuing = limited.limitResponse?.queuing;
  if (!queuing) return [required(at, "must not be empty if limited.limitResponse.type is Limited")];
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0)
    errors.push(invalidValue(at.child("queueLengthLimit"), queueLengthLimit, "must be positive"));
  if (queues <= 0) errors.push(invalidValue(at.child("queues"), queues, "must be positive"));
  if (queues > 10_000_000)
    errors.push(invalidValue(at.child("queues"), queues, "must not be greater than 10000000"));
  if (handSize <= 0) errors.push(invalidValue(at.child("handSize"), handSize, "must be positive"));
  else if (handSize > queues)
    errors.push(
      invalidValue(at.child("handSize"), handSize, `should not be greater than queues (${queues})`),
    );
  return errors;
}
