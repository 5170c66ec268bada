import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { buildImages } from "../../images/build.ts";
import { RunError } from "../../images/run.ts";
import { down } from "./down.ts";
import { UserError } from "./exec.ts";
import { checkLab } from "./lab.ts";
import { kubeconfigPath } from "./paths.ts";
import { restoreSnapshot, saveSnapshot } from "./snapshot.ts";
import { rotateKey } from "./rotate-key.ts";
import { status } from "./status.ts";
import { type Suite, SUITES, test } from "./test.ts";
import { runTool, type Tool } from "./tools.ts";
import { up, type UpOptions } from "./up.ts";

const program = new Command("coracle")
  .description("A Kubernetes you can carry")
  .version("0.1.0")
  .enablePositionalOptions();

program
  .command("up")
  .description("build or pull the images, start the cluster, wait until it is Ready")
  .option("--nodes <n>", "how many nodes (3)")
  .option("--port <port>", "the API server's port on this host (6443)")
  .option("--timeout <seconds>", "how long to wait until it is Ready (180)")
  .option("--test-images", "also the images that tests and examples use")
  .action((options: UpOptions) => up(options));

program
  .command("dev")
  .description("like up, with the sources mounted: a process restarts when its code changes")
  .option("--nodes <n>", "how many nodes (3)")
  .option("--port <port>", "the API server's port on this host (6443)")
  .action((options: UpOptions) => up({ ...options, dev: true }));

program
  .command("down")
  .description("remove the cluster with all that belongs to it")
  .option("--keep-data", "keep the volumes: the next up finds every object again")
  .option("--force", "also a cluster that was started from another checkout")
  .action(down);

program.command("status").description("show processes, nodes and pods").action(status);

program
  .command("test")
  .description("run the tests; the last line is `N passed, N failed`")
  .option("--suite <name...>", `only these: ${SUITES.join(", ")}`)
  .argument("[filter...]", "only test files whose path contains one of these")
  .action(async (filters: string[], { suite }: { suite?: string[] }) => {
    const unknown = suite?.filter((name) => !SUITES.includes(name as Suite)) ?? [];
    if (unknown.length > 0)
      throw new UserError(`There is no suite ${unknown.join(", ")}; there are ${SUITES.join(", ")}`);
    process.exitCode = await test((suite as Suite[] | undefined) ?? SUITES, filters);
  });

program
  .command("kubeconfig")
  .description("print the administrator's kubeconfig, or where it is")
  .option("--path", "only the path")
  .action(async ({ path }: { path?: boolean }) => {
    const text = await readFile(kubeconfigPath, "utf8").catch(() => {
      throw new UserError(`There is no ${kubeconfigPath}: is the cluster up? Try ./coracle up`);
    });
    process.stdout.write(path === true ? `${kubeconfigPath}\n` : text);
  });

for (const [tool, does] of [
  ["kubectl", "run kubectl against the cluster: yours, or one that is fetched"],
  ["helm", "run helm against the cluster: yours, or one that is fetched"],
] as const satisfies [Tool, string][])
  program
    .command(tool)
    .description(does)
    .argument("[args...]")
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions()
    .action(async (args: string[]) => {
      process.exitCode = await runTool(tool, args);
    });

const snapshot = program.command("snapshot").description("back up and restore the cluster's state");
snapshot
  .command("save")
  .description("write every object, as of one revision, to a file")
  .argument("<file>")
  .action(saveSnapshot);
snapshot
  .command("restore")
  .description("replace the cluster's objects by those of a snapshot")
  .argument("<file>")
  .action(restoreSnapshot);

program
  .command("rotate-key")
  .description("encrypt every Secret with a new key, and forget the old one")
  .action(rotateKey);

program
  .command("images")
  .description("build or pull the images, and nothing else")
  .option("--tests", "also those that tests and examples use")
  .option("--rebuild", "make all of them again")
  .argument("[name...]", "only these")
  .action(async (names: string[], options: { tests?: boolean; rebuild?: boolean }) => {
    const made = await buildImages({ ...options, ...(names.length > 0 ? { only: names } : {}) });
    console.error(made.length === 0 ? "All images are there." : `Made: ${made.join(", ")}.`);
  });

program
  .command("lab")
  .description("the exercises in labs/")
  .command("check")
  .description("check one task, or all")
  .argument("[task]")
  .action(checkLab);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError || error instanceof RunError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
