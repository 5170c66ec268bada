import { beforeEach, describe, expect, it } from "vitest";
import type { Event } from "../api/generated/core-v1.ts";
import { notFound } from "../errors.ts";
import type { Client, Patch } from "./client.ts";
import { createEventRecorder, type EventRecorder } from "./events.ts";

const pod = (name: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: "5" },
});

let stored: Map<string, Event>;
let clock: number;
let recorder: EventRecorder;
beforeEach(() => {
  stored = new Map();
  clock = Date.parse("2026-11-23T10:00:00Z");
  const client = {
    create: (_: unknown, event: Event) => {
      const name = event.metadata.name ?? "";
      expect(stored.has(name)).toBe(false);
      stored.set(name, event);
      return Promise.resolve(event);
    },
    patch: (_: unknown, at: { name: string }, patch: Patch) => {
      const event = stored.get(at.name);
      if (!event) return Promise.reject(notFound({ group: "", resource: "events" }, at.name));
      Object.assign(event, patch.body);
      return Promise.resolve(event);
    },
  } as unknown as Client;
  recorder = createEventRecorder({ client, component: "kubelet", host: "node-1", now: () => clock });
});

const summary = (): string[] => [...stored.values()].map((e) => `${e.reason} x${e.count}: ${e.message}`);

it("writes an event that says what happened to what, where and when", async () => {
  recorder.record(pod("web"), "Warning", "BackOff", "Back-off", { fieldPath: "spec.containers{web}" });
  await recorder.flush();
  const [event] = stored.values();
  expect(event).toMatchObject({
    metadata: { namespace: "default" },
    involvedObject: {
      kind: "Pod",
      apiVersion: "v1",
      name: "web",
      namespace: "default",
      uid: "uid-web",
      resourceVersion: "5",
      fieldPath: "spec.containers{web}",
    },
    type: "Warning",
    reason: "BackOff",
    message: "Back-off",
    source: { component: "kubelet", host: "node-1" },
    reportingComponent: "kubelet",
    reportingInstance: "node-1",
    count: 1,
    firstTimestamp: "2026-11-23T10:00:00Z",
    lastTimestamp: "2026-11-23T10:00:00Z",
  });
  expect(event?.metadata.name).toMatch(/^web\.[0-9a-f]+$/);
});

it("counts what happens again, and begins anew when the event has expired", async () => {
  for (let i = 0; i < 3; i++) recorder.record(pod("web"), "Normal", "Pulled", "Pulled");
  clock += 5_000;
  recorder.record(pod("web"), "Normal", "Pulled", "Pulled");
  await recorder.flush();
  expect(summary()).toEqual(["Pulled x4: Pulled"]);
  expect([...stored.values()][0]).toMatchObject({
    firstTimestamp: "2026-11-23T10:00:00Z",
    lastTimestamp: "2026-11-23T10:00:05Z",
  });
  stored.clear();
  recorder.record(pod("web"), "Normal", "Pulled", "Pulled");
  await recorder.flush();
  expect(summary()).toEqual(["Pulled x5: Pulled"]);
});

describe("floods", () => {
  it("combines more than nine texts of one reason", async () => {
    for (let i = 0; i < 14; i++) recorder.record(pod("web"), "Warning", "Failed", `failed ${i}`);
    await recorder.flush();
    expect(summary()).toEqual([
      ...Array.from({ length: 9 }, (_, i) => `Failed x1: failed ${i}`),
      "Failed x5: (combined from similar events): failed 13",
    ]);
  });

  it("drops more than 25 at once of one object, then lets one through in five minutes", async () => {
    for (let i = 0; i < 40; i++) recorder.record(pod("web"), "Normal", "Same", "same");
    recorder.record(pod("other"), "Normal", "Same", "same");
    await recorder.flush();
    expect(summary()).toEqual(["Same x25: same", "Same x1: same"]);
    clock += 300_000;
    recorder.record(pod("web"), "Normal", "Same", "same");
    recorder.record(pod("web"), "Normal", "Same", "same");
    await recorder.flush();
    expect(summary()[0]).toBe("Same x26: same");
  });
});
