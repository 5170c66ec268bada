import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { cutWhenOverdue } from "./outgoing.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("cuts off an answer that is overdue, also one that was before it began, unless it ends in time", () => {
  const cut: string[] = [];
  const stream = (name: string) => ({ destroy: () => cut.push(name) });
  const overdue = new AbortController();
  cutWhenOverdue(stream("slow"), overdue.signal);
  const ends = cutWhenOverdue(stream("ends"), overdue.signal);
  cutWhenOverdue(stream("other"), undefined);
  overdue.abort();
  cutWhenOverdue(stream("late"), overdue.signal);
  vi.advanceTimersByTime(5_000);
  ends();
  expect(cut).toEqual([]);
  vi.advanceTimersByTime(10_000);
  expect(cut).toEqual(["slow", "late"]);
});
