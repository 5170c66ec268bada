import { buildImages } from "../../images/build.ts";
import { checkBeforeStart, freeNodesRange } from "./checks.ts";
import { compose, DEV_FILES, services } from "./compose.ts";
import { exec, UserError } from "./exec.ts";
import { kubeconfigPath } from "./paths.ts";

export interface UpOptions {
  readonly nodes?: string;
  readonly port?: string;
  /** Also the images that tests and examples use. */
  readonly testImages?: boolean;
  readonly dev?: boolean;
  /** How long to wait until the cluster is Ready, in seconds. */
  readonly timeout?: string;
}

/** Shows why the cluster did not come up: which services are unwell, and the end of their logs. */
async function explain(): Promise<void> {
  const unwell = (await services()).filter(
    ({ State, Health, Service }) =>
      Service !== "init" && (State !== "running" || Health === "unhealthy" || Health === "starting"),
  );
  for (const { Name, Status } of unwell) {
    console.error(`\n${Name}: ${Status}`);
    await exec("docker", ["logs", "--tail", "8", Name]);
  }
}

/** Brings the cluster up and waits until it is usable. */
export async function up(options: UpOptions): Promise<void> {
  if (options.nodes !== undefined && !/^\d+$/.test(options.nodes))
    throw new UserError(`--nodes ${options.nodes} is not a number`);
  if (options.nodes !== undefined) process.env["CORACLE_NODES"] = options.nodes;
  if (options.port !== undefined) process.env["CORACLE_PORT"] = options.port;
  await checkBeforeStart();
  const made = await buildImages({ tests: options.testImages === true });
  if (made.length > 0) console.error(`Images: ${made.length} made, the rest were there.`);
  const started = performance.now();
  const start = (): Promise<number> =>
    compose(
      ["up", "--detach", "--wait", "--wait-timeout", options.timeout ?? "180", "--quiet-pull", "--no-build"],
      options.dev === true ? { files: DEV_FILES } : {},
    );
  let code = await start();
  if (code !== 0 && (await freeNodesRange())) code = await start();
  if (code !== 0) {
    await explain();
    throw new UserError("The cluster did not become Ready.");
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`The cluster is Ready after ${seconds} s.\n\n  export KUBECONFIG=${kubeconfigPath}\n`);
}
