import { describe, expect, test } from "vitest";
import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import { columnNames, created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import { jobs } from "./kind.ts";

const pod = { containers: [{ name: "work", image: "work:1" }], restartPolicy: "Never" };
const template = { spec: pod };
const spec = (over: object = {}) => ({ spec: { template, ...over } });
const uid = "0b5dfb3a-0000-4000-8000-000000000000";

test("defaults, and a selector of its own", () => {
  const job = created(jobs, spec()) as unknown as Job;
  expect(job.spec).toMatchObject({
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: "TerminatingOrFailed",
    selector: { matchLabels: { "batch.kubernetes.io/controller-uid": uid } },
  });
  expect(job.spec?.template.metadata?.labels).toEqual({
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": "web",
    "controller-uid": uid,
    "job-name": "web",
  });
});

test("a work queue has no completions; limits per index lift the limit", () => {
  expect((created(jobs, spec({ parallelism: 3 })) as unknown as Job).spec).not.toHaveProperty("completions");
  const indexed = spec({ completionMode: "Indexed", completions: 3, backoffLimitPerIndex: 1 });
  expect((created(jobs, indexed) as unknown as Job).spec?.backoffLimit).toBe(2 ** 31 - 1);
});

describe("is refused", () => {
  const failure = (rule: object) => spec({ podFailurePolicy: { rules: [rule] } });
  const at = "spec.podFailurePolicy.rules[0]";
  test.each<[string, object, string[]]>([
    ["nothing", spec(), []],
    [
      "pods that always restart",
      spec({ template: { spec: { ...pod, restartPolicy: "Always" } } }),
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      "numbers below zero",
      spec({ parallelism: -1, backoffLimit: -1 }),
      [
        "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
        "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
      ],
    ],
    [
      "indexes without a number",
      spec({ completionMode: "Indexed", parallelism: 2 }),
      ["spec.completions: Required value: when completion mode is Indexed"],
    ],
    [
      "limits per index without indexes",
      spec({ backoffLimitPerIndex: 1 }),
      ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    ],
    [
      "labels of another job",
      spec({ template: { metadata: { labels: { "job-name": "other" } }, spec: pod } }),
      [
        `spec.template.metadata.labels[job-name]: Invalid value: ${JSON.stringify({ "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "web", "controller-uid": uid, "job-name": "other" })}: must be 'web'`,
      ],
    ],
    [
      "exit codes in disorder, of a stranger",
      failure({ action: "FailJob", onExitCodes: { containerName: "x", operator: "In", values: [3, 0] } }),
      [
        `${at}.onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
        `${at}.onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator`,
        `${at}.onExitCodes.values: Invalid value: [3,0]: must be ordered`,
      ],
    ],
    [
      "a rule about nothing",
      failure({ action: "Count" }),
      [`${at}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`],
    ],
    [
      "a rule about two things, one of them without a form",
      failure({
        onExitCodes: { operator: "NotIn", values: [1] },
        onPodConditions: [{ type: "DisruptionTarget", status: "Perhaps" }],
      }),
      [
        `${at}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`,
        `${at}.onPodConditions[0].status: Unsupported value: "Perhaps": supported values: "False", "True", "Unknown"`,
        `${at}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`,
      ],
    ],
    [
      "a failure policy for containers that start again",
      spec({
        template: { spec: { ...pod, restartPolicy: "OnFailure" } },
        podFailurePolicy: { rules: [] },
      }),
      [
        'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
    [
      "more indexes than its status can hold",
      spec({
        completionMode: "Indexed",
        completions: 100_001,
        parallelism: 20_000,
        backoffLimitPerIndex: 1,
        maxFailedIndexes: 100_001,
      }),
      [
        "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000",
        "spec.parallelism: Invalid value: 20000: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
        "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
      ],
    ],
    [
      "a manager without a domain",
      spec({ managedBy: "me" }),
      ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      "success of too many",
      spec({
        completionMode: "Indexed",
        completions: 2,
        successPolicy: { rules: [{ succeededCount: 3 }, { succeededIndexes: "1,0" }] },
      }),
      [
        "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of specified completions)",
        'spec.successPolicy.rules[1].succeededIndexes: Invalid value: "1,0": error parsing succeededIndexes: non-increasing order, previous: 1, current: 0',
      ],
    ],
  ])("%s", (_, body, expected) => {
    expect(refusals(jobs, body as never)).toEqual(expected);
  });
});

describe("a change", () => {
  test("of its template is refused once it runs, of hints allowed while it is suspended", () => {
    const pick = (job: Job): void => {
      if (job.spec?.template.spec) job.spec.template.spec.nodeSelector = { disk: "ssd" };
    };
    expect(updateRefusals(jobs, spec(), pick as never)[0]).toMatch(
      /^spec\.template: Invalid value: .*: field is immutable$/,
    );
    expect(updateRefusals(jobs, spec({ suspend: true }), pick as never)).toEqual([]);
  });

  test("of affinity to other pods is no hint", () => {
    const affine = (affinity: object) => (job: Job) =>
      Object.assign(job.spec?.template.spec ?? {}, { affinity });
    const suspended = spec({ suspend: true });
    const term = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "a" } } };
    const required = (terms: unknown) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });
    const nodeAffinity = required({ nodeSelectorTerms: [{ matchFields: [] }] });
    expect(updateRefusals(jobs, suspended, affine({ nodeAffinity }) as never)).toEqual([]);
    expect(updateRefusals(jobs, suspended, affine({ podAffinity: required([term]) }) as never)).toHaveLength(
      1,
    );
  });

  test("of completions goes with parallelism, for indexed jobs", () => {
    const grow = (to: object) => (job: Job) => Object.assign(job.spec ?? {}, to);
    const indexed = spec({ completionMode: "Indexed", completions: 2, parallelism: 2 });
    expect(updateRefusals(jobs, indexed, grow({ completions: 3, parallelism: 3 }) as never)).toEqual([]);
    expect(updateRefusals(jobs, indexed, grow({ completions: 3 }) as never)).toEqual([
      "spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism",
    ]);
    expect(updateRefusals(jobs, spec(), grow({ completions: 3 }) as never)).toEqual([
      "spec.completions: Invalid value: 3: field is immutable",
    ]);
  });
});

describe("a line", () => {
  expect(columnNames(jobs)).toBe("NAME STATUS COMPLETIONS DURATION AGE (CONTAINERS) (IMAGES) (SELECTOR)");
  const condition = (type: string) => ({ conditions: [{ type, status: "True" }] });
  test.each<[object, object, object]>([
    [
      { completions: 3 },
      { succeeded: 1, startTime: "2026-11-23T11:58:00Z" },
      { STATUS: "Running", COMPLETIONS: "1/3", DURATION: "2m" },
    ],
    [{ parallelism: 4 }, { succeeded: 1 }, { COMPLETIONS: "1/1 of 4", DURATION: "" }],
    [{ parallelism: 1 }, {}, { COMPLETIONS: "0/1" }],
    [
      {},
      { ...condition("Complete"), startTime: "2026-11-23T11:00:00Z", completionTime: "2026-11-23T11:00:07Z" },
      { STATUS: "Complete", DURATION: "7s" },
    ],
    [{}, condition("Suspended"), { STATUS: "Suspended" }],
    [{}, condition("FailureTarget"), { STATUS: "FailureTarget" }],
  ])("of %j in %j", (over, status, expected) => {
    expect(row(jobs, { ...spec(over), status })).toMatchObject(expected);
  });
});
