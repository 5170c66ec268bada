import { expect, test } from "vitest";
import { humanDuration, since } from "./duration.ts";

const s = 1000;
const m = 60 * s;
const h = 60 * m;
const d = 24 * h;

test.each([
  [-5 * s, "<invalid>"],
  [-1 * s, "0s"],
  [0, "0s"],
  [119 * s, "119s"],
  [2 * m, "2m"],
  [3 * m + 20 * s, "3m20s"],
  [10 * m + 59 * s, "10m"],
  [179 * m, "179m"],
  [3 * h, "3h"],
  [5 * h + 4 * m, "5h4m"],
  [8 * h + 30 * m, "8h"],
  [47 * h, "47h"],
  [48 * h, "2d"],
  [51 * h, "2d3h"],
  [8 * d + h, "8d"],
  [729 * d, "729d"],
  [730 * d, "2y"],
  [742 * d, "2y12d"],
  [8 * 365 * d + 3 * d, "8y"],
])("%d ms prints as %s", (milliseconds, text) => {
  expect(humanDuration(milliseconds)).toBe(text);
});

test("no time at all is unknown", () => {
  const now = new Date("2026-11-23T12:00:00Z");
  expect(since(undefined, now)).toBe("<unknown>");
  expect(since("2026-11-23T11:15:00Z", now)).toBe("45m");
});
