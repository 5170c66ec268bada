import { expect, test } from "vitest";
import { columnNames, objectOf, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { events, eventsV1 } from "./kind.ts";

const old = {
  involvedObject: { kind: "Pod", name: "web-1", namespace: "default", fieldPath: "spec.containers{app}" },
  reason: "Started",
  message: " Started container ",
  type: "Normal",
  count: 3,
  source: { component: "kubelet", host: "node-1" },
  firstTimestamp: "2026-11-23T11:50:00Z",
  lastTimestamp: "2026-11-23T11:55:00Z",
};
const next = {
  involvedObject: { kind: "Pod", name: "web-1", namespace: "default" },
  eventTime: "2026-11-23T11:50:00.000000Z",
  reportingComponent: "default-scheduler",
  reportingInstance: "s-1",
  action: "Binding",
  reason: "Scheduled",
  type: "Normal",
};

test("an event lives where its object does", () => {
  expect(refusals(events, old)).toEqual([]);
  const elsewhere = { ...old, involvedObject: { kind: "Pod", name: "x", namespace: "other" } };
  expect(refusals(events, elsewhere)).toEqual([
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ]);
  expect(refusals(events, { involvedObject: { kind: "Node", name: "n" } })).toEqual([]);
});

test("an event with a time says who reports it", () => {
  expect(refusals(events, next)).toEqual([]);
  expect(refusals(events, { ...next, reportingComponent: "", action: "" })).toEqual([
    "reportingComponent: Required value",
    'reportingComponent: Invalid value: "": name part must be non-empty',
    "reportingComponent: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    "action: Required value",
  ]);
});

test("events.k8s.io is stricter, and only its series goes on", () => {
  expect(refusals(eventsV1, next)).toEqual([]);
  expect(refusals(eventsV1, { ...next, eventTime: undefined, count: 1 })).toEqual([
    "eventTime: Required value",
    'count: Invalid value: "": needs to be unset',
  ]);
  const go = (event: object): object => Object.assign(event, { series: { count: 2 } });
  expect(updateRefusals(eventsV1, next, go as never)).toEqual([]);
  const rewrite = (event: object): object => Object.assign(event, { reason: "Other" });
  expect(updateRefusals(eventsV1, next, rewrite as never)).toEqual([
    'reason: Invalid value: "Other": field is immutable',
  ]);
});

test("the two groups show one object under their own names", () => {
  const stored = objectOf(events, old);
  const shown = eventsV1.convert?.fromStorage(stored, "v1");
  expect(shown).toMatchObject({
    apiVersion: "events.k8s.io/v1",
    regarding: { name: "web-1" },
    note: " Started container ",
    deprecatedCount: 3,
    deprecatedSource: { component: "kubelet" },
  });
  expect(shown).not.toHaveProperty("involvedObject");
  expect(eventsV1.convert?.toStorage(shown ?? stored, "v1")).toEqual({ ...stored, apiVersion: "v1" });
});

test("a line", () => {
  expect(columnNames(events)).toBe(
    "LAST SEEN TYPE REASON OBJECT (SUBOBJECT) (SOURCE) MESSAGE (FIRST SEEN) (COUNT) (NAME)",
  );
  expect(row(events, old)).toEqual({
    "LAST SEEN": "5m",
    TYPE: "Normal",
    REASON: "Started",
    OBJECT: "pod/web-1",
    SUBOBJECT: "spec.containers{app}",
    SOURCE: "kubelet, node-1",
    MESSAGE: "Started container",
    "FIRST SEEN": "10m",
    COUNT: "3",
    NAME: "web",
  });
  expect(
    row(events, { ...next, series: { count: 7, lastObservedTime: "2026-11-23T11:59:00.000000Z" } }),
  ).toMatchObject({
    "LAST SEEN": "60s",
    "FIRST SEEN": "10m",
    COUNT: "7",
    SOURCE: "default-scheduler, s-1",
  });
});
