import { Cron } from "croner";
import type { CronJob } from "@coracle/shared/api/generated/batch-v1.ts";

/** When a CronJob is due. Pure. */

const EVERY = /^@every ((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+)$/;
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

interface Schedule {
  /** The first time after `at`. */
  next(at: number): number | undefined;
  /** The last time at or before `at` and after `since`. */
  last(since: number, at: number): number | undefined;
}

export class ScheduleError extends Error {
  readonly reason: "UnparseableSchedule" | "UnknownTimeZone";
  constructor(reason: "UnparseableSchedule" | "UnknownTimeZone", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The interval of `@every 1h30m`, to the second and at least one. */
function everyMs(text: string): number | undefined {
  const given = EVERY.exec(text.trim())?.[1];
  if (given === undefined) return undefined;
  let total = 0;
  for (const [, amount, unit = ""] of given.matchAll(/([\d.]+)([a-zµ]+)/g))
    total += Number(amount) * (UNITS[unit] ?? 0);
  return Math.max(1000, Math.floor(total / 1000) * 1000);
}

/** The highest value of each field: minute, hour, day, month, weekday. */
const HIGHEST = [59, 23, 31, 12, 6] as const;

/** What upstream's parser takes and ours does not: `3/15` (from 3 to the end), and `?` or a step of one where `*` is meant. */
function plainFields(schedule: string): string {
  if (schedule.trim().startsWith("@")) return schedule;
  const part = (text: string, field: number): string => {
    const [range = "", step] = text.replaceAll("?", "*").split("/");
    if (step === undefined) return range;
    if (range === "*") return Number(step) === 1 ? "*" : `*/${step}`;
    return range.includes("-") ? `${range}/${step}` : `${range}-${HIGHEST[field]}/${step}`;
  };
  return schedule
    .trim()
    .split(/\s+/)
    .map((field, i) =>
      field
        .split(",")
        .map((text) => part(text, i))
        .join(","),
    )
    .join(" ");
}

/** @throws ScheduleError */
export function parseSchedule(cronJob: CronJob): Schedule {
  const { schedule, timeZone } = cronJob.spec;
  const every = everyMs(schedule);
  if (every !== undefined) return fixedInterval(every);
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw new ScheduleError(
      "UnknownTimeZone",
      `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`,
    );
  let cron: Cron;
  try {
    cron = new Cron(plainFields(schedule), { mode: "5-part", timezone: timeZone ?? "Etc/UTC", paused: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ScheduleError(
      "UnparseableSchedule",
      `unparseable schedule: ${JSON.stringify(schedule)} : ${why}`,
    );
  }
  return {
    next: (at) => cron.nextRun(new Date(at))?.getTime(),
    last(since, at) {
      // The search looks strictly before its reference.
      const time = cron.previousRuns(1, new Date(at + 1000))[0]?.getTime();
      return time !== undefined && time <= at && time > since ? time : undefined;
    },
  };
}

const fixedInterval = (every: number): Schedule => ({
  next: (at) => at + every,
  last(since, at) {
    const count = Math.floor((at - since) / every);
    return count > 0 ? since + count * every : undefined;
  },
});

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export interface Due {
  /** The time a Job should have been made for, if one is missing. */
  readonly at: number | undefined;
  /** More than a hundred start times were missed: a stopped clock or a stopped cluster. */
  readonly tooMany: boolean;
  /** When to look again. */
  readonly next: number | undefined;
}

const MANY = 100;

export function dueAt(cronJob: CronJob, schedule: Schedule, now: number): Due {
  const created = Date.parse(cronJob.metadata.creationTimestamp ?? "") || now;
  const last = cronJob.status?.lastScheduleTime;
  const since = last === undefined ? created : Date.parse(last);
  const deadline = cronJob.spec.startingDeadlineSeconds;
  const earliest = deadline === undefined ? since : Math.max(since, now - deadline * 1000);
  // An interval goes on from its last time, whenever somebody looks.
  const next = schedule.next(since > now ? now : (schedule.last(since, now) ?? since));
  if (earliest > now) return { at: undefined, tooMany: false, next };
  let missed = 0;
  for (let t = schedule.next(earliest); t !== undefined && t <= now && missed <= MANY; t = schedule.next(t))
    missed += 1;
  return { at: schedule.last(earliest, now), tooMany: missed > MANY, next };
}
