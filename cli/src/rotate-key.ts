import { compose, services } from "./compose.ts";
import { UserError } from "./exec.ts";
import type { Rotation } from "./init/secrets.ts";

async function must(what: string, ...args: string[]): Promise<void> {
  if ((await compose(args)) !== 0) throw new UserError(`${what} failed; run it again, nothing is lost.`);
}

const write = (rotation: Rotation): Promise<void> =>
  must(
    "Writing the keys",
    "run",
    "--rm",
    "--no-deps",
    "--env",
    `CORACLE_ENCRYPTION_KEYS=${rotation}`,
    "init",
  );

/** Starts the API servers with the keys that are written. */
async function restart(): Promise<void> {
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
  const servers = (await services()).filter(({ Service }) => Service === "apiserver");
  await write("add");
  // One that has not been restarted yet must be able to read what another already writes with the new key.
  if (servers.length > 1) await restart();
  await write("promote");
  await restart();
  await write("drop");
  await restart();
  console.error(
    "Every Secret is encrypted with a new key; the old one is gone. Snapshots of before hold Secrets that nobody can read any more: take a new one.",
  );
}
