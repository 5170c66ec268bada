import type { Event } from "@coracle/shared/api/generated/core-v1.ts";
import { immutable, invalidValue, path, required, tooLong, type FieldError } from "../../registry/field.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, dnsSubdomain, qualifiedName } from "../shared/names.ts";

/** Kinds without a namespace, whose events live in the namespace `default`. */
const clusterScoped = new Set(["Node", "Namespace", "PersistentVolume", "ComponentStatus", "StorageClass"]);

export function validateEvent(event: Event): FieldError[] {
  const errors = validateNamespace(event);
  if (!event.eventTime) return errors;
  if (!event.reportingComponent) errors.push(required(path("reportingController")));
  else errors.push(...check(qualifiedName, event.reportingComponent, path("reportingController")));
  const rules = [
    ["reportingInstance", 128],
    ["action", 128],
    ["reason", 128],
    ["message", 1024],
  ] as const;
  for (const [field, max] of rules) {
    const value = event[field];
    if (!value && field !== "message") errors.push(required(path(field)));
    if ((value?.length ?? 0) > max) errors.push(tooLong(path(field), max));
  }
  return errors;
}

function validateNamespace(event: Event): FieldError[] {
  const at = path("involvedObject", "namespace");
  const { namespace = "", kind = "" } = event.involvedObject ?? {};
  const own = event.metadata.namespace ?? "";
  if (namespace === "") {
    const belongs = own === "" || own === "default" || own === "kube-system";
    return belongs && (clusterScoped.has(kind) || own === "default" || own === "kube-system")
      ? []
      : [invalidValue(at, namespace, "does not match event.namespace")];
  }
  if (namespace !== own) return [invalidValue(at, namespace, "does not match event.namespace")];
  return check(dnsSubdomain, own, path("namespace"));
}

/** Recorders written for events.k8s.io may only move the series on. */
export function validateEventUpdate(event: Event, old: Event, _ctx: WriteContext): FieldError[] {
  const errors = validateEvent(event);
  if (!old.eventTime) return errors;
  for (const field of [
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
  ] as const)
    if (!semanticEqual(event[field], old[field])) errors.push(immutable(path(field), event[field] ?? null));
  return errors;
}
