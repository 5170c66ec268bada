import { expect, it } from "vitest";
import { createPending } from "./pending.ts";
import type { Change } from "./store.ts";

const change = (revision: number): Change => ({
  type: "ADDED",
  key: { resource: "pods", namespace: "default", name: `p${revision}` },
  revision,
  body: "{}",
});
const revisions = (changes: readonly Change[]): number[] => changes.map((c) => c.revision);

it("hands on what was made here, once, without a look into the log", () => {
  const pending = createPending();
  expect(pending.mustRead(4)).toBe(true);
  pending.made(change(5));
  pending.made(change(6));
  expect(revisions(pending.take(4))).toEqual([5, 6]);
  expect(pending.take(6)).toEqual([]);
  expect(pending.mustRead(6)).toBe(false);
});

it("asks for the log when somebody else has written in between", () => {
  const pending = createPending();
  pending.mustRead(4);
  pending.made(change(6));
  expect(pending.take(4)).toEqual([]);
  expect(pending.mustRead(4)).toBe(true);
  // The log had 5 and 6.
  expect(pending.take(6)).toEqual([]);
  expect(pending.mustRead(6)).toBe(false);
  pending.told(7);
  expect(pending.mustRead(6)).toBe(true);
});

it("takes answers that came in another order than the writes were made in", () => {
  const pending = createPending();
  pending.mustRead(4);
  pending.made(change(6));
  pending.made(change(5));
  expect(revisions(pending.take(4))).toEqual([5, 6]);
});

it("gives a revision up that the log does not have, unless it was told of another one meanwhile", () => {
  const pending = createPending();
  pending.mustRead(4);
  pending.told(9);
  pending.nothingAfter(4, pending.newest);
  expect(pending.mustRead(4)).toBe(false);
  pending.told(9);
  const asOf = pending.newest;
  pending.told(10);
  pending.nothingAfter(4, asOf);
  expect(pending.mustRead(4)).toBe(true);
});

it("ends a wait when there is something, whichever came first", async () => {
  const pending = createPending();
  const waiting = pending.wait();
  pending.made(change(1));
  await waiting;
  const again = pending.wait();
  pending.look();
  await again;
});

it("keeps no more than a few thousand changes that nobody comes for", () => {
  const pending = createPending();
  pending.mustRead(0);
  for (let revision = 1; revision <= 4_097; revision++) pending.made(change(revision));
  expect(pending.take(0)).toEqual([]);
  expect(pending.mustRead(0)).toBe(true);
});
