import type { Event as EventV1 } from "@coracle/shared/api/generated/events-v1.ts";
import type { Event } from "@coracle/shared/api/generated/core-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";

/** [in events.k8s.io, in core]: the same fields under two names. */
const names: readonly (readonly [keyof EventV1, keyof Event])[] = [
  ["regarding", "involvedObject"],
  ["note", "message"],
  ["reportingController", "reportingComponent"],
  ["deprecatedSource", "source"],
  ["deprecatedFirstTimestamp", "firstTimestamp"],
  ["deprecatedLastTimestamp", "lastTimestamp"],
  ["deprecatedCount", "count"],
];

export const eventToStorage = (object: KubeObject): KubeObject => {
  const event = rename(object, names, "v1");
  event["involvedObject"] ??= {};
  return event;
};

export const eventFromStorage = (object: KubeObject): KubeObject =>
  rename(
    object,
    names.map(([a, b]) => [b, a]),
    "events.k8s.io/v1",
  );

function rename(
  object: KubeObject,
  pairs: readonly (readonly [string, string])[],
  apiVersion: string,
): KubeObject {
  const map = new Map(pairs);
  const fields = Object.entries(object).map(([field, value]) => [map.get(field) ?? field, value]);
  return { ...(Object.fromEntries(fields) as KubeObject), apiVersion };
}
