import { execFile } from "node:child_process";
import type { Step, Task } from "./chapter.ts";
import { outputMatches } from "./chapter.ts";

export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a script as the reader's shell would; standard error counts as output, as it does on a terminal. */
export function shell(script: string, env: NodeJS.ProcessEnv, timeoutMs = 120_000): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      "bash",
      ["-c", `exec 2>&1\n${script}`],
      { env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout) => resolve({ ok: !error, output: stdout }),
    );
  });
}

/** Types a step's command and compares what is seen with what the chapter says. */
export async function runStep(step: Step, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const { output } = await shell(step.command, env);
  return { ok: step.expected.length === 0 || outputMatches(step.expected, output), output };
}

/** Whether a task is done; the output says what is missing. A check waits for what takes time, as long as `patienceSeconds`. */
export const checkTask = (task: Task, env: NodeJS.ProcessEnv, patienceSeconds = 30): Promise<Outcome> =>
  shell(`set -e\n${task.check}`, { ...env, LAB_SECONDS: String(patienceSeconds) }, 60_000);
