import { beforeEach, expect, it } from "vitest";
import type { Event } from "../api/generated/events-v1.ts";
import { notFound } from "../errors.ts";
import type { Client, Patch } from "./client.ts";
import { createSeriesRecorder } from "./event-series.ts";

const pod = (name: string, resourceVersion = "5") => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion },
});
const failed = {
  type: "Warning",
  reason: "FailedScheduling",
  action: "Scheduling",
  note: "no room",
} as const;

let stored: Map<string, Event>;
let writes: number;
let clock: number;
let recorder: ReturnType<typeof createSeriesRecorder>;
beforeEach(() => {
  stored = new Map();
  writes = 0;
  clock = Date.parse("2026-11-23T10:00:00.123Z");
  const client = {
    create: (_: unknown, event: Event) => {
      const name = event.metadata.name ?? "";
      expect(stored.has(name)).toBe(false);
      writes += 1;
      stored.set(name, structuredClone(event));
      return Promise.resolve(event);
    },
    patch: (_: unknown, at: { name: string }, patch: Patch) => {
      const event = stored.get(at.name);
      if (!event) return Promise.reject(notFound({ group: "", resource: "events" }, at.name));
      writes += 1;
      Object.assign(event, patch.body);
      return Promise.resolve(event);
    },
  } as unknown as Client;
  recorder = createSeriesRecorder({
    client,
    controller: "default-scheduler",
    instance: "default-scheduler-s1",
    now: () => clock,
  });
});

it("tells what was done to what, by whom and for whom", async () => {
  recorder.record(pod("victim"), {
    type: "Normal",
    reason: "Preempted",
    action: "Preempting",
    note: "Preempted by pod x",
    related: pod("important"),
  });
  await recorder.flush();
  const [event] = stored.values();
  expect(event).toMatchObject({
    eventTime: "2026-11-23T10:00:00.123000Z",
    reportingController: "default-scheduler",
    reportingInstance: "default-scheduler-s1",
    action: "Preempting",
    regarding: { kind: "Pod", name: "victim", uid: "uid-victim", resourceVersion: "5" },
    related: { kind: "Pod", name: "important" },
    note: "Preempted by pod x",
  });
  expect(event).not.toHaveProperty("series");
  expect(event).not.toHaveProperty("deprecatedCount");
});

it("makes a series of the same, told at its second and from time to time", async () => {
  for (let i = 0; i < 5; i++) {
    recorder.record(pod("web"), failed);
    await recorder.flush();
    clock += 60_000;
  }
  expect(writes).toBe(2);
  expect([...stored.values()].map((e) => e.series?.count)).toEqual([2]);
  recorder.refresh();
  await recorder.flush();
  expect([...stored.values()].map((e) => e.series)).toEqual([
    { count: 5, lastObservedTime: "2026-11-23T10:04:00.123000Z" },
  ]);
  recorder.refresh();
  await recorder.flush();
  expect(writes).toBe(3);
});

it("begins anew after a silence, for another version of the object, and when its event is gone", async () => {
  recorder.record(pod("web"), failed);
  clock += 400_000;
  recorder.record(pod("web"), failed);
  recorder.record(pod("web", "6"), failed);
  await recorder.flush();
  expect(stored.size).toBe(3);
  stored.clear();
  recorder.record(pod("web"), failed);
  await recorder.flush();
  expect([...stored.values()].map((e) => e.series?.count)).toEqual([2]);
});

it("cuts a note that is too long", async () => {
  recorder.record(pod("web"), { ...failed, note: "x".repeat(2_000) });
  await recorder.flush();
  const [event] = stored.values();
  expect(event?.note).toHaveLength(1_024);
  expect(event?.note?.endsWith(" ...")).toBe(true);
});

it("tells of objects whose names leave no room for more, or are no names of Events", async () => {
  const names = ["x".repeat(253), "2001:db8::1", "web"];
  for (const name of names) recorder.record(pod(name), failed);
  await recorder.flush();
  expect([...stored.values()].map((e) => e.regarding?.name)).toEqual(names);
  const [long = "", odd = "", plain] = stored.keys();
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  expect([long, odd].map((name) => uuid.test(name))).toEqual([true, true]);
  expect(plain).toMatch(/^web\.[0-9a-f]+$/);
});

it("tells later of what was dropped because too much waited", async () => {
  for (let i = 0; i <= 1_000; i++) recorder.record(pod(`p-${i}`), failed);
  await recorder.flush();
  expect(stored.size).toBe(1_000);
  for (let i = 0; i < 3; i++) recorder.refresh();
  await recorder.flush();
  expect(stored.size).toBe(1_001);
});
