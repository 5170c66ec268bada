/** Programs that building needs on the host, installed where they are missing and can be. */
import { isDebianRoot } from "./debian.ts";
import { run, works } from "./run.ts";

let queue: Promise<unknown> = Promise.resolve();

async function install(program: string, packages: readonly string[]): Promise<void> {
  if (await works(program, "--version")) return;
  if (!(await isDebianRoot()))
    throw new Error(`${program} is missing: install it, or run this as root on Debian`);
  // Whoever else installs packages now is waited for.
  const options = ["--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
  await run("apt-get", ["install", ...options, ...packages], { env: { DEBIAN_FRONTEND: "noninteractive" } });
}

/** Makes sure that a program can be run. One installation at a time. */
export function needProgram(program: string, ...packages: string[]): Promise<void> {
  const next = queue.then(() => install(program, packages));
  queue = next.catch(() => undefined);
  return next;
}
