import { describe, expect, test } from "vitest";
import type { Job, JobStatus } from "@coracle/shared/api/generated/batch-v1.ts";
import { created } from "../kind.test-support.ts";
import { firstOverlap, parseIndexes } from "./indexes.ts";
import { jobs } from "./kind.ts";
import { validateJobStatus } from "./validate-status.ts";

const template = { spec: { containers: [{ name: "work", image: "work:1" }], restartPolicy: "Never" } };
const plain = { spec: { template } };
const indexed = { spec: { template, completionMode: "Indexed", completions: 5 } };
const started = "2026-11-23T11:00:00Z";
const ended = "2026-11-23T11:30:00Z";
const is = (...types: string[]) => ({ conditions: types.map((type) => ({ type, status: "True" })) });
const done = { startTime: started, completionTime: ended, ...is("SuccessCriteriaMet", "Complete") };

/** What is wrong with a status that follows another. */
function problems(next: JobStatus, before: JobStatus = {}, body: object = plain): string[] {
  const job = created(jobs, structuredClone(body) as never) as unknown as Job;
  const errors = validateJobStatus({ ...job, status: next }, { ...job, status: before });
  return errors.map((e) => `${e.field}: ${e.message}`);
}

describe("a status", () => {
  test.each<[string, JobStatus, string[]]>([
    ["of a job under way", { startTime: started, active: 2, ready: 1 }, []],
    ["of a job that is done", done, []],
    ["of a job that failed", { startTime: started, ...is("FailureTarget", "Failed") }, []],
    [
      "of counters below zero",
      { terminating: -1 },
      ["status.terminating: Invalid value: -1: must be greater than or equal to 0"],
    ],
    [
      "with an outcome out of the blue",
      { startTime: started, ...is("Failed") },
      [
        "status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition",
      ],
    ],
    [
      "complete without an end",
      { startTime: started, ...is("SuccessCriteriaMet", "Complete") },
      ["status.completionTime: Required value: completionTime is required for Complete jobs"],
    ],
    [
      "with an end before the start",
      { ...done, startTime: ended, completionTime: started },
      [`status.completionTime: Invalid value: "${started}": completionTime cannot be set before startTime`],
    ],
    [
      "with pods in a job that is done",
      { ...done, active: 1, terminating: 2 },
      [
        "status.active: Invalid value: 1: active>0 is invalid for finished job",
        "status.terminating: Invalid value: 2: terminating>0 is invalid for finished job",
      ],
    ],
    [
      "with pods counted twice",
      { uncountedTerminatedPods: { succeeded: ["a"], failed: ["a", ""] } },
      [
        'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
        'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty',
      ],
    ],
    [
      "with more pods ready than there are",
      { ready: 2, active: 1 },
      ["status.ready: Invalid value: 2: cannot set more ready pods than active"],
    ],
    [
      "of indexes where there are none",
      { completedIndexes: "0" },
      [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
      ],
    ],
  ])("%s", (_, status, expected) => {
    expect(problems(status)).toEqual(expected);
  });

  test("of indexes: completed and failed ones", () => {
    const perIndex = { spec: { ...indexed.spec, backoffLimitPerIndex: 0 } };
    expect(problems({ completedIndexes: "0,2-3", failedIndexes: "1" }, {}, perIndex)).toEqual([]);
    expect(problems({ completedIndexes: "0-2", failedIndexes: "2,4" }, {}, perIndex)).toEqual([
      'status.failedIndexes: Invalid value: "2,4": failedIndexes and completedIndexes overlap at index: 2',
    ]);
    expect(problems({ completedIndexes: "0", failedIndexes: "1" }, {}, indexed)).toEqual([
      'status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
    ]);
  });
});

test("outcomes and counts stay", () => {
  const failed = { startTime: started, failed: 2, ...is("FailureTarget", "Failed") };
  expect(problems({ startTime: started, failed: 1 }, failed)).toEqual([
    "status.conditions: Invalid value: cannot disable the terminal Failed=True condition",
    "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
    "status.failed: Invalid value: 1: cannot decrease the failed counter",
  ]);
  expect(problems({}, { startTime: started })).toEqual([
    "status.startTime: Required value: startTime cannot be removed for unsuspended job",
  ]);
  const later = { ...done, completionTime: "2026-11-23T11:40:00Z" };
  expect(problems(later, done)).toEqual([
    `status.completionTime: Invalid value: "${later.completionTime}": completionTime cannot be mutated`,
  ]);
});

describe("indexes", () => {
  test.each<[string, unknown]>([
    ["", []],
    [
      "0,2-4",
      [
        [0, 0],
        [2, 4],
      ],
    ],
    ["1-2-3", { problem: expect.stringContaining('the fragment "1-2-3" violates') }],
    ["x", { problem: 'cannot convert string to integer for index: "x"' }],
    ["5", { problem: 'too large index: "5"' }],
    ["3-1", { problem: "non-increasing order, previous: 3, current: 1" }],
    ["0-2,2", { problem: "non-increasing order, previous: 2, current: 2" }],
  ])("of %j", (text, expected) => {
    expect(parseIndexes(text, 5)).toEqual(expected);
  });

  test("that overlap", () => {
    expect(
      firstOverlap(
        [
          [0, 1],
          [4, 6],
        ],
        [
          [2, 3],
          [5, 5],
        ],
      ),
    ).toBe(5);
    expect(firstOverlap([[0, 1]], [[2, 3]])).toBeUndefined();
  });
});
