import { expect, test } from "vitest";
import type { CronJob } from "@coracle/shared/api/generated/batch-v1.ts";
import { cronJobs, jobs } from "@coracle/shared/api/resources.ts";
import { NAMESPACE, startHarness } from "../../testing/harness.ts";
import { cronJobController } from "./cronjob.ts";
import { dueAt, parseSchedule } from "./schedule.ts";

const cron = (schedule: string, spec: object = {}, status?: CronJob["status"]): CronJob => ({
  metadata: { name: "tick", namespace: NAMESPACE, creationTimestamp: "2026-11-23T10:00:30Z" },
  spec: {
    schedule,
    jobTemplate: {
      spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] } } },
    },
    ...spec,
  },
  ...(status ? { status } : {}),
});
const time = (text: string): number => Date.parse(text);
const due = (c: CronJob, now: string) => dueAt(c, parseSchedule(c), time(now));

test("the last missed time is due, and the next is known", () => {
  expect(due(cron("*/5 * * * *"), "2026-11-23T10:12:00Z")).toEqual({
    at: time("2026-11-23T10:10:00Z"),
    tooMany: false,
    next: time("2026-11-23T10:15:00Z"),
  });
  expect(due(cron("*/5 * * * *"), "2026-11-23T10:04:59Z").at).toBeUndefined();
  expect(due(cron("*/5 * * * *"), "2026-11-23T10:05:00Z").at).toBe(time("2026-11-23T10:05:00Z"));
});

test("what was scheduled already is not due again, and a deadline limits how far back", () => {
  const done = cron("*/5 * * * *", {}, { lastScheduleTime: "2026-11-23T10:10:00Z" });
  expect(due(done, "2026-11-23T10:12:00Z").at).toBeUndefined();
  expect(due(cron("0 * * * *", { startingDeadlineSeconds: 60 }), "2026-11-23T11:05:00Z").at).toBeUndefined();
});

test("schedules follow their time zone through a change of clocks", () => {
  const berlin = cron(
    "30 2 * * *",
    { timeZone: "Europe/Berlin" },
    { lastScheduleTime: "2026-10-24T00:30:00Z" },
  );
  expect(due(berlin, "2026-10-25T12:00:00Z").at).toBe(time("2026-10-25T00:30:00Z"));
  expect(due(berlin, "2026-10-25T12:00:00Z").next).toBe(time("2026-10-26T01:30:00Z"));
});

test("a hundred missed times are said to be too many; nonsense is refused", () => {
  expect(due(cron("* * * * *"), "2026-11-23T20:00:00Z").tooMany).toBe(true);
  expect(() => parseSchedule(cron("61 * * * *"))).toThrow("unparseable schedule");
  expect(() => parseSchedule(cron("* * * * *", { timeZone: "Mars/Base" }))).toThrow(
    "unknown time zone Mars/Base",
  );
});

test("an interval goes on from its last time, whenever somebody looks", () => {
  expect(due(cron("@every 1m"), "2026-11-23T10:03:00Z")).toMatchObject({
    at: time("2026-11-23T10:02:30Z"),
    next: time("2026-11-23T10:03:30Z"),
  });
  const done = cron("@every 1h", {}, { lastScheduleTime: "2026-11-23T11:00:30Z" });
  expect(due(done, "2026-11-23T11:40:00Z")).toMatchObject({
    at: undefined,
    next: time("2026-11-23T12:00:30Z"),
  });
});

test.each([
  ["3/15 * * * *", ["00:03", "00:18", "00:33"]],
  ["?/30 1,4/8 * * *", ["01:00", "01:30", "04:00"]],
  ["@every 1h30m", ["01:30", "03:00", "04:30"]],
  ["@every 0.5h1500ms", ["00:30", "01:00", "01:30"]],
])("%s is understood as upstream does", (text, wanted) => {
  const schedule = parseSchedule(cron(text));
  const times: string[] = [];
  for (let t: number | undefined = time("2026-11-23T00:00:00Z"); times.length < wanted.length;) {
    t = schedule.next(t ?? 0);
    times.push(new Date(t ?? 0).toISOString().slice(11, 16));
  }
  expect(times).toEqual(wanted);
});

test("a step of one is no restriction of the day, so that both day fields must match", () => {
  const schedule = parseSchedule(cron("0 0 */1 * 1"));
  expect(schedule.next(time("2026-11-24T00:00:00Z"))).toBe(time("2026-11-30T00:00:00Z"));
});

test("a due CronJob makes one Job, owned and listed as active", async () => {
  await using h = await startHarness({ controllers: [cronJobController()] });
  await h.client.create(cronJobs, cron("@every 1s"));
  const job = await h.eventually("a job", async () => (await h.list(jobs))[0]);
  expect(job.metadata.ownerReferences?.[0]).toMatchObject({
    kind: "CronJob",
    name: "tick",
    controller: true,
  });
  expect(job.metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"]).toBeDefined();
  const c = await h.eventually("status", async () => {
    const current = await h.client.get(cronJobs, { name: "tick", namespace: NAMESPACE });
    return current.status?.lastScheduleTime !== undefined && current;
  });
  expect(c.status?.active?.[0]?.uid).toBe(job.metadata.uid);
});

test("a Job that somebody made in the CronJob's name is reported and not counted as active", async () => {
  await using h = await startHarness({ controllers: [cronJobController()] });
  const made = await h.client.create(cronJobs, cron("0 0 1 1 *"));
  await h.client.create(jobs, {
    metadata: {
      name: "by-hand",
      namespace: NAMESPACE,
      ownerReferences: [
        {
          apiVersion: "batch/v1",
          kind: "CronJob",
          name: "tick",
          uid: made.metadata.uid ?? "",
          controller: true,
        },
      ],
    },
    spec: { ...made.spec.jobTemplate.spec, template: made.spec.jobTemplate.spec?.template ?? {} },
  });
  const said = "UnexpectedJob Saw a job that the controller did not create or forgot: by-hand";
  await h.eventually("it is reported", () => Promise.resolve(h.events.includes(said)));
  const now = await h.client.get(cronJobs, { name: "tick", namespace: NAMESPACE });
  expect(now.status?.active).toBeUndefined();
});
