import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Probe } from "@coracle/shared/api/generated/core-v1.ts";
import { failure, success, unknown, type ProbeResult } from "./result.ts";
import { startProbe, type ProbeKind } from "./worker.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Feeds results one per period and notes the verdicts with the number of the run they came after. */
async function verdicts(kind: ProbeKind, probe: Probe, results: ProbeResult[]): Promise<string[]> {
  const seen: string[] = [];
  let runs = 0;
  startProbe({
    kind,
    probe,
    startedAt: Date.now(),
    run: () => Promise.resolve(results[runs++] ?? success()),
    onVerdict: (ok) => seen.push(`${runs}:${ok}`),
    onFailure: () => undefined,
    onWarning: () => undefined,
    signal: new AbortController().signal,
  });
  await vi.advanceTimersByTimeAsync(0);
  for (let i = 1; i < results.length; i++)
    await vi.advanceTimersByTimeAsync((probe.periodSeconds ?? 10) * 1000);
  return seen;
}
const bad = failure("no");
const good = success();

test("readiness follows each change of verdict, after its thresholds", async () => {
  expect(
    await verdicts("readiness", { periodSeconds: 1, failureThreshold: 2, successThreshold: 2 }, [
      good,
      good,
      bad,
      good,
      bad,
      bad,
      good,
      good,
    ]),
  ).toEqual(["2:true", "6:false", "8:true"]);
});

test("liveness tells of its first failure verdict and stops", async () => {
  expect(
    await verdicts("liveness", { periodSeconds: 1, failureThreshold: 3 }, [
      good,
      bad,
      bad,
      good,
      bad,
      bad,
      bad,
      bad,
      bad,
    ]),
  ).toEqual(["7:false"]);
});

test("startup ends with its first verdict", async () => {
  expect(
    await verdicts("startup", { periodSeconds: 1, failureThreshold: 3 }, [bad, bad, good, bad, bad, bad]),
  ).toEqual(["3:true"]);
  expect(await verdicts("startup", { periodSeconds: 1, failureThreshold: 2 }, [bad, bad, good])).toEqual([
    "2:false",
  ]);
});

test("a run that could not be made counts neither way", async () => {
  expect(
    await verdicts("readiness", { periodSeconds: 1, failureThreshold: 2 }, [good, bad, unknown("?"), bad]),
  ).toEqual(["1:true", "4:false"]);
});

test("the first run waits for the initial delay", async () => {
  let runs = 0;
  startProbe({
    kind: "liveness",
    probe: { initialDelaySeconds: 5 },
    startedAt: Date.now(),
    run: async () => (runs++, good),
    onVerdict: () => undefined,
    onFailure: () => undefined,
    onWarning: () => undefined,
    signal: new AbortController().signal,
  });
  await vi.advanceTimersByTimeAsync(4_999);
  expect(runs).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(runs).toBe(1);
});

test("nothing runs after a stop", async () => {
  let runs = 0;
  const stop = startProbe({
    kind: "liveness",
    probe: { periodSeconds: 1 },
    startedAt: Date.now(),
    run: async () => (runs++, good),
    onVerdict: () => undefined,
    onFailure: () => undefined,
    onWarning: () => undefined,
    signal: new AbortController().signal,
  });
  await vi.advanceTimersByTimeAsync(2_500);
  stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(runs).toBe(3);
});
