import { expect, test } from "vitest";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import type { CronJob } from "@coracle/shared/api/generated/batch-v1.ts";
import { cronJobs } from "./kind.ts";

const jobTemplate = {
  spec: {
    template: { spec: { containers: [{ name: "work", image: "work:1" }], restartPolicy: "OnFailure" } },
  },
};
const spec = (over: object = {}) => ({ spec: { schedule: "*/5 * * * *", jobTemplate, ...over } });

test("defaults", () => {
  expect(created(cronJobs, spec())["spec"]).toMatchObject({
    concurrencyPolicy: "Allow",
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    jobTemplate: { spec: { template: { spec: { dnsPolicy: "ClusterFirst" } } } },
  });
});

test.each<[string, object, string[]]>([
  ["an ordinary one", spec({ timeZone: "Europe/Brussels" }), []],
  [
    "a schedule with a time zone",
    spec({ schedule: "TZ=Etc/UTC 0 0 * * *" }),
    [
      'spec.schedule: Invalid value: "TZ=Etc/UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  [
    "a zone, a policy and a schedule that do not exist",
    spec({ schedule: "* * *", timeZone: "Nowhere", concurrencyPolicy: "Maybe" }),
    [
      'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
      'spec.timeZone: Invalid value: "Nowhere": unknown time zone Nowhere',
      'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    ],
  ],
  [
    "a selector for its jobs",
    spec({ jobTemplate: { spec: { ...jobTemplate.spec, manualSelector: true } } }),
    ['spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"'],
  ],
  [
    "a long name",
    { ...spec(), metadata: { name: "a".repeat(53) } },
    [`metadata.name: Invalid value: "${"a".repeat(53)}": must be no more than 52 characters`],
  ],
])("%s", (_, body, expected) => {
  expect(refusals(cronJobs, body as never)).toEqual(expected);
});

test("a zone in its schedule may stay, but not beside another", () => {
  const old = { schedule: "TZ=Etc/UTC 0 0 * * *" };
  const change = (to: object) => (cron: CronJob) => Object.assign(cron.spec ?? {}, to);
  expect(updateRefusals(cronJobs, spec(old), change({ suspend: true }) as never)).toEqual([]);
  expect(updateRefusals(cronJobs, spec(old), change({ timeZone: "Etc/UTC" }) as never)).toEqual([
    'spec.schedule: Invalid value: "TZ=Etc/UTC 0 0 * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
  ]);
});

test("a line", () => {
  expect(columnNames(cronJobs)).toBe(
    "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE (CONTAINERS) (IMAGES) (SELECTOR)",
  );
  const status = { active: [{}], lastScheduleTime: "2026-11-23T11:57:00Z" };
  expect(row(cronJobs, { ...spec({ suspend: false }), status })).toMatchObject({
    SCHEDULE: "*/5 * * * *",
    TIMEZONE: "<none>",
    SUSPEND: "False",
    ACTIVE: 1,
    "LAST SCHEDULE": "3m",
    SELECTOR: "<none>",
  });
});
