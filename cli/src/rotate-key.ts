import { compose } from "./compose.ts";
import { UserError } from "./exec.ts";
import type { Rotation } from "./init/secrets.ts";

async function must(what: string, ...args: string[]): Promise<void> {
  if ((await compose(args)) !== 0) throw new UserError(`${what} failed; run it again, nothing is lost.`);
}

/** Changes the keys, and starts the API servers with them. */
async function apply(rotation: Rotation): Promise<void> {
  const init = ["run", "--rm", "--no-deps", "--env", `CORACLE_ENCRYPTION_KEYS=${rotation}`, "init"];
  await must("Writing the keys", ...init);
  await must("Restarting the API server", "restart", "apiserver");
  // Healthy is one that has written again whatever an older key had encrypted.
  await must(
    "Waiting for the API server",
    "up",
    "--detach",
    "--wait",
    "--no-deps",
    "--no-recreate",
    "apiserver",
  );
}

/** Encrypts every Secret with a new key and forgets the old ones. */
export async function rotateKey(): Promise<void> {
  await apply("add");
  await apply("drop");
  console.error(
    "Every Secret is encrypted with a new key; the old one is gone. Snapshots of before hold Secrets that nobody can read any more: take a new one.",
  );
}
