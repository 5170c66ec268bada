import type { Event } from "@coracle/shared/api/generated/core-v1.ts";
import { immutable, invalidValue, path, required, type FieldError } from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { check, dnsSubdomain, qualifiedName } from "../shared/names.ts";

/** Events of the core group: old recorders write them without eventTime, and with fewer rules. */
export function validateEvent(event: Event): FieldError[] {
  const errors = event.eventTime ? validateNew(event, "reportingComponent") : validateOld(event);
  return [...errors, ...check(dnsSubdomain, event.metadata.namespace ?? "", path("namespace"))];
}

/** An event lives in the namespace of what it is about, or in `default` when that has none. */
function validateOld({ metadata, involvedObject }: Event): FieldError[] {
  const { namespace = "" } = involvedObject ?? {};
  const own = metadata.namespace ?? "";
  const fits = namespace === "" ? own === "" || own === "default" : own === namespace;
  return fits
    ? []
    : [invalidValue(path("involvedObject", "namespace"), namespace, "does not match event.namespace")];
}

function validateNew(event: Event, controllerField: string): FieldError[] {
  const errors: FieldError[] = [];
  const { namespace = "" } = event.involvedObject ?? {};
  const own = event.metadata.namespace ?? "";
  if (namespace === "" && own !== "default" && own !== "kube-system")
    errors.push(
      invalidValue(path("involvedObject", "namespace"), namespace, "does not match event.namespace"),
    );
  if (!event.reportingComponent) errors.push(required(path(controllerField)));
  errors.push(...check(qualifiedName, event.reportingComponent ?? "", path(controllerField)));
  for (const field of ["reportingInstance", "action", "reason"] as const) {
    const value = event[field] ?? "";
    if (!value) errors.push(required(path(field)));
    if (value.length > 128) errors.push(invalidValue(path(field), "", "can have at most 128 characters"));
  }
  if ((event.message?.length ?? 0) > 1024)
    errors.push(invalidValue(path("message"), "", "can have at most 1024 characters"));
  return errors;
}

/** Events of events.k8s.io: all of it must be there. */
export function validateEventV1(event: Event): FieldError[] {
  const errors = event.eventTime ? [] : [required(path("eventTime"))];
  errors.push(...validateNew(event, "reportingController"));
  if (event.type !== "Normal" && event.type !== "Warning")
    errors.push(invalidValue(path("type"), "", `has invalid value: ${event.type ?? ""}`));
  for (const field of ["firstTimestamp", "lastTimestamp"] as const)
    if (event[field]) errors.push(invalidValue(path(field), "", "needs to be unset"));
  if (event.count) errors.push(invalidValue(path("count"), "", "needs to be unset"));
  if (event.source?.component || event.source?.host)
    errors.push(invalidValue(path("source"), "", "needs to be unset"));
  return [...errors, ...check(dnsSubdomain, event.metadata.namespace ?? "", path("namespace"))];
}

const fixed = [
  "involvedObject",
  "reason",
  "message",
  "source",
  "firstTimestamp",
  "lastTimestamp",
  "count",
  "type",
  "action",
  "related",
  "reportingComponent",
  "reportingInstance",
] as const;

/** Only the series may go on. */
export function validateEventV1Update(event: Event, old: Event): FieldError[] {
  const errors = validateEventV1(event);
  for (const field of fixed)
    if (!semanticEqual(event[field], old[field])) errors.push(immutable(path(field), event[field] ?? null));
  // Read back by a client of lower precision, a time may have lost its microseconds.
  const seconds = (time: string | undefined): string | undefined => time?.slice(0, 19);
  if (seconds(event.eventTime) !== seconds(old.eventTime))
    errors.push(immutable(path("eventTime"), event.eventTime ?? null));
  return errors;
}
