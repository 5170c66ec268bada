import { dirname } from "node:path";
import { readChapters } from "../../labs/chapter.ts";
import { checkTask } from "../../labs/run.ts";
import { UserError } from "./exec.ts";
import { kubeconfigPath } from "./paths.ts";
import { toolPath } from "./tools.ts";

/** Runs the check of one task of the labs, or of all. */
export async function checkLab(id: string | undefined): Promise<void> {
  const tasks = readChapters().flatMap(({ chapter }) => chapter.tasks);
  const chosen = tasks.filter((task) => id === undefined || task.id === id);
  if (chosen.length === 0)
    throw new UserError(`There is no task ${id}. Tasks: ${tasks.map((task) => task.id).join(", ")}`);
  const env = {
    KUBECONFIG: kubeconfigPath,
    PATH: `${dirname(await toolPath("kubectl"))}:${process.env["PATH"] ?? ""}`,
  };
  let failed = 0;
  for (const task of chosen) {
    const { ok, output } = await checkTask(task, env);
    console.log(`${ok ? "✓" : "✗"} ${task.id}${ok ? "" : `\n${output.trim()}`}`);
    if (!ok) failed++;
  }
  if (failed > 0) throw new UserError(`${failed} of ${chosen.length} tasks are not done.`);
}
