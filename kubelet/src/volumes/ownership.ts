/** fsGroup: the pod's group owns a volume's files, and new ones inherit it. */
import { chmod, lchown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

const FILE = 0o660;
const DIRECTORY = 0o2770;

/** Whether the root has the group and mode already, so that nothing below is looked at (`OnRootMismatch`). */
async function rootMatches(path: string, group: number): Promise<boolean> {
  const found = await lstat(path);
  return found.gid === group && (found.mode & DIRECTORY) === DIRECTORY;
}

async function own(path: string, group: number): Promise<void> {
  const found = await lstat(path);
  await lchown(path, found.uid, group);
  if (found.isSymbolicLink()) return;
  await chmod(path, (found.mode & 0o7777) | (found.isDirectory() ? DIRECTORY : FILE));
  if (!found.isDirectory()) return;
  for (const name of await readdir(path)) await own(join(path, name), group);
}

/** Gives a volume to the group. */
export async function applyGroup(path: string, group: number, policy: string | undefined): Promise<void> {
  if (policy === "OnRootMismatch" && (await rootMatches(path, group))) return;
  await own(path, group);
}
