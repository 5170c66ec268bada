import { open, rename, rm } from "node:fs/promises";
import { compose } from "./compose.ts";
import { UserError } from "./exec.ts";

const command = (verb: string): string[] => [
  "exec",
  "-T",
  "apiserver",
  "node",
  "/app/snapshot/main.mjs",
  verb,
];

/** Writes the cluster's state, as of one revision, to a file. */
export async function saveSnapshot(file: string): Promise<void> {
  const partial = `${file}.part`;
  const out = await open(partial, "w", 0o600);
  try {
    const code = await compose(command("save"), { stdio: ["ignore", out.fd, "inherit"] });
    if (code !== 0) throw new UserError("The snapshot could not be taken.");
    await out.sync();
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await out.close();
  }
  await rename(partial, file);
}

/** Replaces the cluster's state by that of a snapshot. */
export async function restoreSnapshot(file: string): Promise<void> {
  const input = await open(file, "r").catch(() => {
    throw new UserError(`${file} cannot be read`);
  });
  try {
    const code = await compose(command("restore"), { stdio: [input.fd, "inherit", "inherit"] });
    if (code !== 0) throw new UserError("The snapshot could not be restored.");
  } finally {
    await input.close();
  }
}
