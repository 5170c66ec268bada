import { expect, test } from "vitest";
import { cronProblem, timeZoneProblem } from "./cron.ts";

test.each([
  "* * * * *",
  "*/5 0-6 1,15 jan-mar MON",
  "0 0 ? * 0-6/2",
  "5/15 * * * *",
  "@hourly",
  "@every 1h30m",
  "TZ=Europe/Brussels 0 4 * * *",
])("%s is a schedule", (schedule) => {
  expect(cronProblem(schedule)).toBeUndefined();
});

test.each([
  ["", "empty spec string"],
  ["* * * *", "expected exactly 5 fields, found 4: [* * * *]"],
  ["60 * * * *", "end of range (60) above maximum (59): 60"],
  ["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
  ["5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"],
  ["*/0 * * * *", "step of range should be a positive number: */0"],
  ["1-2-3 * * * *", "too many hyphens: 1-2-3"],
  ["1/2/3 * * * *", "too many slashes: 1/2/3"],
  ["x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ["@sometimes", "unrecognized descriptor: @sometimes"],
  ["TZ=Nowhere/City * * * * *", "provided bad location Nowhere/City: unknown time zone Nowhere/City"],
])("%j is none: %s", (schedule, problem) => {
  expect(cronProblem(schedule)).toBe(problem);
});

test.each([
  ["Europe/Brussels", undefined],
  ["Etc/UTC", undefined],
  ["", "timeZone must be nil or non-empty string"],
  ["Local", "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"],
  ["Mars/Base", "unknown time zone Mars/Base"],
])("time zone %j", (zone, problem) => {
  expect(timeZoneProblem(zone)).toBe(problem);
});
