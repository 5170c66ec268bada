import type { Job } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { afterAll, expect, test } from "vitest";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { Raw } from "./support/raw.ts";
import { getJson, kubectl, kubectlWith } from "./support/run.ts";

/** Work that ends: what a Job makes of how its pods end. */
const ns = useNamespace("jobs");
const api = new Raw();
afterAll(() => api.close());
const wait = { timeout: 90_000, interval: 250 };

const job = (name: string, script: string, spec: object): object => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, namespace: ns },
  spec: {
    ...spec,
    template: {
      spec: {
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 0,
        containers: [{ name: "main", image: busybox, command: ["sh", "-c", script] }],
      },
    },
  },
});
const create = (...items: object[]): Promise<string> =>
  kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "create", "-f", "-");
const statusOf = async (name: string) => (await getJson<Job>("job", name, "-n", ns)).status;
const podsOf = async (name: string): Promise<Pod[]> =>
  (await getJson<{ items: Pod[] }>("pods", "-n", ns, "-l", `batch.kubernetes.io/job-name=${name}`)).items;
/** The conditions in the order in which they came, each with its reason. */
const course = async (name: string): Promise<string[]> =>
  ((await statusOf(name))?.conditions ?? [])
    .filter((c) => c.status === "True")
    .map((c) => `${c.type}: ${c.reason}`);
const eventually = (name: string, conditions: string[]): Promise<void> =>
  expect.poll(() => course(name), wait).toEqual(conditions);

test("indexes, exit codes and policies decide how Jobs end", async () => {
  const indexed = { completionMode: "Indexed", completions: 3, parallelism: 3 };
  const code = (action: string): object => ({
    rules: [{ action, onExitCodes: { operator: "In", values: [42] } }],
  });
  await create(
    job("all", 'echo "$JOB_COMPLETION_INDEX $(hostname)"', { ...indexed, parallelism: 2 }),
    job("one-is-enough", "test $JOB_COMPLETION_INDEX = 1 || sleep 600", {
      ...indexed,
      successPolicy: { rules: [{ succeededIndexes: "1" }] },
    }),
    job("one-fails", "test $JOB_COMPLETION_INDEX != 1 || exit 42", {
      ...indexed,
      backoffLimitPerIndex: 3,
      podFailurePolicy: code("FailIndex"),
    }),
    job("fatal", "exit 42", { podFailurePolicy: code("FailJob") }),
    job("late", "sleep 600", { activeDeadlineSeconds: 1 }),
  );
  await eventually("all", ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"]);
  await eventually("one-is-enough", ["SuccessCriteriaMet: SuccessPolicy", "Complete: SuccessPolicy"]);
  await eventually("one-fails", ["FailureTarget: FailedIndexes", "Failed: FailedIndexes"]);
  await eventually("fatal", ["FailureTarget: PodFailurePolicy", "Failed: PodFailurePolicy"]);
  await eventually("late", ["FailureTarget: DeadlineExceeded", "Failed: DeadlineExceeded"]);
  const ended = { ready: 0, terminating: 0, uncountedTerminatedPods: {} };
  expect(await statusOf("all")).toMatchObject({ ...ended, succeeded: 3, completedIndexes: "0-2" });
  expect(await statusOf("one-is-enough")).toMatchObject({ ...ended, succeeded: 1, completedIndexes: "1" });
  expect(await statusOf("one-fails")).toMatchObject({
    ...ended,
    failed: 1,
    completedIndexes: "0,2",
    failedIndexes: "1",
  });
  const lines = await kubectl("logs", "-n", ns, "-l", "batch.kubernetes.io/job-name=all");
  expect(lines.trim().split("\n").toSorted()).toEqual(["0 all-0", "1 all-1", "2 all-2"]);
  for (const pod of await podsOf("all")) expect(pod.metadata.finalizers).toBeUndefined();
});

test("what was evicted has not failed, and a policy may say so", async () => {
  const podFailurePolicy = {
    rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }],
  };
  await create(job("patient", "sleep 600", { backoffLimit: 0, podFailurePolicy }));
  const running = async (): Promise<Pod[]> =>
    (await podsOf("patient")).filter((p) => p.status?.phase === "Running" && !p.metadata.deletionTimestamp);
  await expect.poll(running, wait).toHaveLength(1);
  const [{ metadata } = { metadata: {} }] = await running();
  const evicted = api.watch(
    `/api/v1/namespaces/${ns}/pods?watch=true&fieldSelector=metadata.name=${metadata.name}`,
    (event) => event.type === "DELETED",
  );
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: metadata.name } };
  const answer = await api.ask("POST", `/api/v1/namespaces/${ns}/pods/${metadata.name}/eviction`, { body });
  expect(answer.status).toBe(201);
  expect((await evicted).at(-1)?.object.status).toMatchObject({
    phase: "Failed",
    conditions: expect.arrayContaining([
      expect.objectContaining({
        type: "DisruptionTarget",
        status: "True",
        reason: "EvictionByEvictionAPI",
        message: "Eviction API: evicting",
      }),
    ]),
  });
  await expect.poll(async () => (await running()).map((p) => p.metadata.uid), wait).not.toEqual([]);
  expect((await running())[0]?.metadata.uid).not.toBe(metadata.uid);
  expect(await statusOf("patient")).toMatchObject({ active: 1 });
  expect((await statusOf("patient"))?.failed).toBeUndefined();
});

test("a suspended Job has no pods, has lost nothing, and goes on where its nodes are chosen anew", async () => {
  await create(job("paused", "true", { suspend: true, completions: 2, parallelism: 2, backoffLimit: 0 }));
  await eventually("paused", ["Suspended: JobSuspended"]);
  const patch = (body: object): Promise<string> =>
    kubectl("patch", "job", "paused", "-n", ns, "--type=strategic", "-p", JSON.stringify(body));
  // No node has this label: the pods stay pending.
  const nodeSelector = { "coracle.test/nowhere": "1" };
  await patch({ spec: { suspend: false, template: { spec: { nodeSelector } } } });
  await expect.poll(() => statusOf("paused"), wait).toMatchObject({ active: 2 });
  await patch({ spec: { suspend: true } });
  await eventually("paused", ["Suspended: JobSuspended"]);
  await expect.poll(() => podsOf("paused"), wait).toEqual([]);
  const suspended = await statusOf("paused");
  expect(suspended?.failed).toBeUndefined();
  expect(suspended?.startTime).toBeUndefined();
  await patch({ spec: { suspend: false, template: { spec: { nodeSelector: null } } } });
  await eventually("paused", ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"]);
});

test("a Job deleted while its pods run takes them along, whoever has its name by then", async () => {
  await create(job("short-lived", "sleep 600", { parallelism: 2 }));
  await expect.poll(() => podsOf("short-lived"), wait).toHaveLength(2);
  await kubectl("delete", "job/short-lived", "-n", ns, "--cascade=background", "--wait=false");
  await create(job("short-lived", "exit 0", {}));
  await eventually("short-lived", ["SuccessCriteriaMet: CompletionsReached", "Complete: CompletionsReached"]);
  await expect.poll(() => podsOf("short-lived"), wait).toHaveLength(1);
});
