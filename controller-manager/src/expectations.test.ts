import { expect, test } from "vitest";
import { createExpectations } from "./expectations.ts";
import { slowStart } from "./slow-start.ts";

test("a key is settled when each child it waits for has been seen, and no other", () => {
  const e = createExpectations(() => 0);
  e.creating("k", "a");
  e.deleting("k", "u1");
  e.sawCreated("k", "b");
  e.sawDeleted("k", "u2");
  expect(e.settled("k")).toBe(false);
  e.sawCreated("k", "a");
  expect(e.settled("k")).toBe(false);
  e.sawDeleted("k", "u1");
  expect(e.settled("k")).toBe(true);
});

test("what was seen before its answer came counts, and a failed write is not waited for", () => {
  const e = createExpectations(() => 0);
  e.creating("k", "a");
  e.sawCreated("k", "a");
  e.creating("k", "b");
  e.creationFailed("k", "b");
  expect(e.settled("k")).toBe(true);
});

test("a lost event blocks a key for five minutes, not for ever", () => {
  let now = 0;
  const e = createExpectations(() => now);
  e.creating("k", "a");
  now = 4 * 60_000;
  expect(e.settled("k")).toBe(false);
  now = 5 * 60_000 + 1;
  expect(e.settled("k")).toBe(true);
});

test("slow start doubles its batches and stops after one that failed", async () => {
  const signal = new AbortController().signal;
  const calls: number[] = [];
  const run = slowStart(
    100,
    (i) => {
      calls.push(i);
      return i >= 3 ? Promise.reject(new Error("quota")) : Promise.resolve();
    },
    signal,
  );
  await expect(run).rejects.toThrow("quota");
  expect(calls).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
