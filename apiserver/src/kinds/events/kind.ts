import type { Event } from "@coracle/shared/api/generated/core-v1.ts";
import { defineKind, type KindDeclaration } from "../../registry/kind.ts";
import { column, nameColumn, wide } from "../shared/columns.ts";
import { since } from "../shared/duration.ts";
import { eventFromStorage, eventToStorage } from "./convert.ts";
import { validateEvent, validateEventV1, validateEventV1Update } from "./validate.ts";

/** Both groups keep their events in the core form, in one place. */
const common: Omit<KindDeclaration<Event>, "group"> = {
  kind: "Event",
  shortNames: ["ev"],
  namespaced: true,
  createOnUpdate: true,
  storage: "events",
  validate: validateEvent,
  validateUpdate: validateEvent,
  selectableFields: {
    "involvedObject.kind": (e) => e.involvedObject?.kind ?? "",
    "involvedObject.namespace": (e) => e.involvedObject?.namespace ?? "",
    "involvedObject.name": (e) => e.involvedObject?.name ?? "",
    "involvedObject.uid": (e) => e.involvedObject?.uid ?? "",
    "involvedObject.apiVersion": (e) => e.involvedObject?.apiVersion ?? "",
    "involvedObject.resourceVersion": (e) => e.involvedObject?.resourceVersion ?? "",
    "involvedObject.fieldPath": (e) => e.involvedObject?.fieldPath ?? "",
    reason: (e) => e.reason ?? "",
    reportingComponent: (e) => e.reportingComponent ?? "",
    source: (e) => e.source?.component || (e.reportingComponent ?? ""),
    type: (e) => e.type ?? "",
  },
  columns: [
    column("Last Seen", lastSeen),
    column("Type", (e) => e.type ?? ""),
    column("Reason", (e) => e.reason ?? ""),
    column("Object", objectCell),
    wide(column("Subobject", (e) => e.involvedObject?.fieldPath ?? "")),
    wide(column("Source", sourceCell)),
    column("Message", (e) => (e.message ?? "").trim()),
    wide(column("First Seen", (e, now) => since(firstSeenAt(e), now))),
    wide(column("Count", (e) => String(countOf(e)))),
    wide(nameColumn),
  ],
};

/** Recorders name core events after objects of all kinds; the strict rule is that of events.k8s.io alone. */
export const events = defineKind<Event>({ ...common, nameRule: "pathSegment" });

const regarding = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] as const;
export const eventsV1 = defineKind<Event>({
  ...common,
  group: "events.k8s.io",
  storageVersion: "core/v1",
  validate: validateEventV1,
  validateUpdate: validateEventV1Update,
  convert: { toStorage: eventToStorage, fromStorage: eventFromStorage },
  selectableFields: {
    ...Object.fromEntries(
      regarding.map((field) => [`regarding.${field}`, (e: Event) => e.involvedObject?.[field] ?? ""]),
    ),
    reason: (e) => e.reason ?? "",
    reportingController: (e) => e.reportingComponent ?? "",
    type: (e) => e.type ?? "",
  },
});

const firstSeenAt = (e: Event): string | undefined => e.firstTimestamp || e.eventTime;
const countOf = (e: Event): number => e.series?.count || e.count || 1;

function lastSeen(e: Event, now: Date): string {
  const at = e.series?.lastObservedTime || e.lastTimestamp || firstSeenAt(e);
  return since(at, now);
}

function objectCell(e: Event): string {
  const { kind = "", name = "" } = e.involvedObject ?? {};
  const lower = kind.toLowerCase();
  return name ? `${lower}/${name}` : lower;
}

function sourceCell(e: Event): string {
  const component = e.source?.component || e.reportingComponent || "";
  const host = e.source?.host || e.reportingInstance || "";
  return host ? `${component}, ${host}` : component;
}
