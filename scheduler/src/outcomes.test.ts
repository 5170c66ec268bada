import { expect, test } from "vitest";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { SeriesRecorder } from "@coracle/shared/client/event-series.ts";
import { createOutcomes } from "./outcomes.ts";
import { podInfo } from "./pod-info.ts";

const pod: Pod = {
  metadata: { name: "p", namespace: "d", uid: "u", generation: 2 },
  spec: { containers: [] },
};

function observed() {
  const patches: unknown[] = [];
  const events: unknown[] = [];
  const client = {
    patch: (_resource: unknown, _at: unknown, patch: { body: unknown }) => {
      patches.push(patch.body);
      return Promise.resolve({});
    },
  } as unknown as Client;
  const recorder = { record: (_about: unknown, event: unknown) => events.push(event) };
  const outcomes = createOutcomes(client, recorder as unknown as SeriesRecorder, "default-scheduler", () =>
    Date.UTC(2026, 0, 1),
  );
  return { outcomes, patches, events };
}

test("an error on the way to a node is told of as one, and once", async () => {
  const { outcomes, patches, events } = observed();
  const { signal } = new AbortController();
  await outcomes.failed(podInfo(pod), "the volume could not be bound", signal);
  const condition = {
    type: "PodScheduled",
    status: "False",
    reason: "SchedulerError",
    message: "the volume could not be bound",
    observedGeneration: 2,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  expect(patches).toEqual([{ metadata: { uid: "u" }, status: { conditions: [condition] } }]);
  const event = { type: "Warning", reason: "FailedScheduling", action: "Scheduling" };
  expect(events).toEqual([{ ...event, note: "the volume could not be bound" }]);

  const told: Pod = { ...pod, status: { conditions: [condition] } };
  await outcomes.failed(podInfo(told), "the volume could not be bound", signal);
  expect(patches).toHaveLength(1);
  await outcomes.unschedulable(podInfo(told), "0/1 nodes are available.", undefined, signal);
  expect(patches[1]).toMatchObject({ status: { conditions: [{ reason: "Unschedulable" }] } });
});
