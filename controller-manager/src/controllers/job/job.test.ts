import { expect, test } from "vitest";
import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { jobs, pods } from "@coracle/shared/api/resources.ts";
import { NAMESPACE, startHarness, type Harness } from "../../testing/harness.ts";
import { jobController } from "./job.ts";
import { isTracked } from "./pods.ts";

const at = { name: "work", namespace: NAMESPACE };
const job = (spec: object): Job => ({
  metadata: at,
  spec: {
    template: {
      spec: { restartPolicy: "Never", containers: [{ name: "c", image: "busybox" }] },
    },
    ...spec,
  },
});
const start = (lagMs?: () => number): Promise<Harness> =>
  startHarness({ controllers: [jobController()], ...(lagMs ? { lagMs } : {}) });
const finish = async (h: Harness, pod: Pod, phase: "Succeeded" | "Failed", exitCode = 1): Promise<void> => {
  const { name = "", namespace } = pod.metadata;
  const terminated = {
    exitCode: phase === "Failed" ? exitCode : 0,
    finishedAt: new Date(Date.now() - 3_600_000).toISOString(),
  };
  await h.client.patch(
    pods,
    { name, namespace },
    {
      type: "merge",
      body: {
        status: {
          phase,
          containerStatuses: [
            {
              name: "c",
              state: { terminated },
              ready: false,
              restartCount: 0,
              image: "busybox",
              imageID: "",
            },
          ],
        },
      },
    },
    { subresource: "status" },
  );
};
/** Ends every pod as it appears, until the Job has. */
async function runAll(h: Harness, outcome: (pod: Pod) => "Succeeded" | "Failed"): Promise<Job> {
  const done = new Set<string>();
  return h.eventually(
    "the Job ends",
    async () => {
      for (const pod of await h.list(pods)) {
        if (done.has(pod.metadata.uid ?? "") || pod.metadata.deletionTimestamp) continue;
        done.add(pod.metadata.uid ?? "");
        await finish(h, pod, outcome(pod));
      }
      const j = await h.client.get(jobs, at);
      return j.status?.conditions?.some((c) => ["Complete", "Failed"].includes(c.type)) && j;
    },
    15_000,
  );
}
const reasonOf = (j: Job, type: string): string | undefined =>
  j.status?.conditions?.find((c) => c.type === type && c.status === "True")?.reason;

test(
  "each pod is counted exactly once, with caches far behind, and no finalizer is left",
  { timeout: 20_000 },
  async () => {
    await using h = await start(() => Math.random() * 25);
    await h.client.create(jobs, job({ completions: 8, parallelism: 3 }));
    const j = await runAll(h, () => "Succeeded");
    expect(j.status).toMatchObject({ succeeded: 8, uncountedTerminatedPods: {} });
    expect(j.status?.failed).toBeUndefined();
    expect(j.status?.completionTime).toBeDefined();
    expect(reasonOf(j, "Complete")).toBe("CompletionsReached");
    expect(reasonOf(j, "SuccessCriteriaMet")).toBe("CompletionsReached");
    const all = await h.list(pods);
    expect(all).toHaveLength(8);
    await h.eventually("no finalizers", async () => (await h.list(pods)).every((p) => !isTracked(p)));
    expect(h.events).toContain("Completed Job completed");
  },
);

test("an Indexed Job runs each index to success and knows which are done", async () => {
  await using h = await start();
  await h.client.create(jobs, job({ completions: 5, parallelism: 2, completionMode: "Indexed" }));
  const j = await runAll(h, () => "Succeeded");
  expect(j.status).toMatchObject({ succeeded: 5, completedIndexes: "0-4" });
  const indexes = (await h.list(pods)).map(
    (p) => p.metadata.labels?.["batch.kubernetes.io/job-completion-index"],
  );
  expect(new Set(indexes)).toEqual(new Set(["0", "1", "2", "3", "4"]));
  const pod = (await h.list(pods))[0];
  expect(pod?.spec?.containers[0]?.env?.[0]?.name).toBe("JOB_COMPLETION_INDEX");
  expect(pod?.spec?.hostname).toMatch(/^work-\d$/);
});

test("too many failures end the Job as failed", async () => {
  await using h = await start();
  await h.client.create(jobs, job({ completions: 3, parallelism: 3, backoffLimit: 1 }));
  const j = await runAll(h, () => "Failed");
  expect(reasonOf(j, "Failed")).toBe("BackoffLimitExceeded");
  expect(reasonOf(j, "FailureTarget")).toBe("BackoffLimitExceeded");
  // Pods deleted because the Job had failed count as failed too.
  expect(j.status?.failed).toBeGreaterThanOrEqual((await h.list(pods)).length);
  expect(h.events).toContain("BackoffLimitExceeded Job has reached the specified backoff limit");
});

test("with a limit per index the others go on, and the failed ones are named", async () => {
  await using h = await start();
  await h.client.create(
    jobs,
    job({ completions: 4, parallelism: 4, completionMode: "Indexed", backoffLimitPerIndex: 0 }),
  );
  const j = await runAll(h, (p) =>
    ["1", "3"].includes(p.metadata.labels?.["batch.kubernetes.io/job-completion-index"] ?? "")
      ? "Failed"
      : "Succeeded",
  );
  expect(reasonOf(j, "Failed")).toBe("FailedIndexes");
  expect(j.status).toMatchObject({ succeeded: 2, completedIndexes: "0,2", failedIndexes: "1,3", failed: 2 });
});

test("a failure policy can fail the Job at once", async () => {
  await using h = await start();
  const podFailurePolicy = {
    rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [42] } }],
  };
  await h.client.create(jobs, job({ completions: 2, parallelism: 1, podFailurePolicy }));
  const pod = await h.eventually("a pod", async () => (await h.list(pods))[0]);
  await finish(h, pod, "Failed", 42);
  const j = await h.eventually("failed", async () => {
    const current = await h.client.get(jobs, at);
    return reasonOf(current, "Failed") !== undefined && current;
  });
  expect(reasonOf(j, "Failed")).toBe("PodFailurePolicy");
  expect(j.status?.conditions?.find((c) => c.type === "Failed")?.message).toBe(
    `Container c for pod ${NAMESPACE}/${pod.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
  );
});

test("suspending takes the pods away, which is no failure of theirs, resuming brings them back", async () => {
  await using h = await start();
  await h.client.create(jobs, job({ completions: 2, parallelism: 2, backoffLimit: 0 }));
  await h.eventually("two pods", async () => (await h.client.get(jobs, at)).status?.active === 2);
  await h.client.patch(jobs, at, { type: "merge", body: { spec: { suspend: true } } });
  await h.eventually("suspended", async () => {
    const j = await h.client.get(jobs, at);
    const left = (await h.list(pods)).filter((p) => !p.metadata.deletionTimestamp);
    return reasonOf(j, "Suspended") === "JobSuspended" && left.length === 0;
  });
  for (const p of await h.list(pods))
    await h.client.delete(
      pods,
      { name: p.metadata.name ?? "", namespace: NAMESPACE },
      { gracePeriodSeconds: 0 },
    );
  await h.client.patch(jobs, at, { type: "merge", body: { spec: { suspend: false } } });
  await h.eventually("resumed", async () => {
    const j = await h.client.get(jobs, at);
    return j.status?.active === 2 && reasonOf(j, "Suspended") === undefined && j;
  });
  const { status } = await h.client.get(jobs, at);
  expect(status?.failed).toBeUndefined();
  expect(status?.startTime).toBeDefined();
});

test("a Job's pods are let go when it is gone, also when another one has its name by then", async () => {
  await using h = await start();
  const background = { propagationPolicy: "Background" } as const;
  const first = await h.client.create(jobs, job({ parallelism: 2 }));
  await h.eventually("two pods", async () => (await h.client.get(jobs, at)).status?.active === 2);
  await h.client.delete(jobs, at, background);
  await h.client.create(jobs, job({}));
  const ownedBy = (p: Pod): string | undefined => p.metadata.ownerReferences?.[0]?.uid;
  await h.eventually("the first one's pods are free", async () => {
    const all = await h.list(pods);
    const firsts = all.filter((p) => ownedBy(p) === first.metadata.uid);
    return firsts.length === 2 && firsts.every((p) => !isTracked(p)) && all.length === 3;
  });
  await h.client.delete(jobs, at, background);
  await h.eventually("all are free", async () => (await h.list(pods)).every((p) => !isTracked(p)));
});
