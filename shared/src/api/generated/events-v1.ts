// Written by apiserver/src/schema/generate. Do not edit.
import type { EventSource, ObjectReference } from "./core-v1.ts";
import type { ListMeta, MicroTime, ObjectMeta, Time } from "./meta-v1.ts";

export type Event = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  eventTime: MicroTime;
  series?: EventSeries | undefined;
  reportingController?: string | undefined;
  reportingInstance?: string | undefined;
  action?: string | undefined;
  reason?: string | undefined;
  regarding?: ObjectReference | undefined;
  related?: ObjectReference | undefined;
  note?: string | undefined;
  type?: string | undefined;
  deprecatedSource?: EventSource | undefined;
  deprecatedFirstTimestamp?: Time | undefined;
  deprecatedLastTimestamp?: Time | undefined;
  deprecatedCount?: number | undefined;
};

export type EventList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: Event[];
};

export type EventSeries = {
  count: number;
  lastObservedTime: MicroTime;
};
