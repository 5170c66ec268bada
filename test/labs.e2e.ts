import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readChapters } from "../labs/chapter.ts";
import { checkTask, runStep, shell } from "../labs/run.ts";
import { kubeconfig, kubectl, kubectlBinary, root } from "./support/run.ts";

const env = {
  KUBECONFIG: kubeconfig,
  PATH: `${dirname(kubectlBinary)}:${root}:${process.env["PATH"] ?? ""}`,
};

describe.each(readChapters())("chapter $chapter.number: $chapter.title", ({ chapter }) => {
  const namespace = `lab-${chapter.number}`;
  beforeAll(async () => {
    await kubectl("create", "namespace", namespace);
    await kubectl("config", "set-context", "--current", `--namespace=${namespace}`);
  });
  afterAll(async () => {
    await kubectl("config", "set-context", "--current", "--namespace=default");
    await kubectl("delete", "namespace", namespace, "--wait=false");
  });

  for (const item of chapter.sequence) {
    if ("command" in item) {
      test(`line ${item.line}: ${item.command.split("\n")[0]}`, async () => {
        const outcome = await runStep(item, env);
        expect(outcome.ok, `seen:\n${outcome.output}\nexpected:\n${item.expected.join("\n")}`).toBe(true);
      });
    } else {
      test(`task ${item.id}: the check fails before and passes after`, async () => {
        expect((await checkTask(item, env, 1)).ok).toBe(false);
        const done = await shell(`set -e\n${item.solution}`, env);
        expect(done.ok, done.output).toBe(true);
        const after = await checkTask(item, env);
        expect(after.ok, after.output).toBe(true);
      });
    }
  }
});
