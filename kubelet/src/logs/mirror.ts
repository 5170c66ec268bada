/** One container's log files, shown under the names that collectors know: the same files by other names, no byte is copied. */
import { link, lstat, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { unless } from "./directory.ts";

interface LogFile {
  readonly path: string;
  readonly inode: number;
  readonly changedAt: Date;
}

async function statOf(path: string): Promise<LogFile | undefined> {
  const found = await stat(path).catch(unless("ENOENT"));
  return found && { path, inode: found.ino, changedAt: found.mtime };
}

/** Links of the attempt: `2.log`, and rotated ones with a time behind. */
async function linked(directory: string, attempt: string): Promise<Map<number, string>> {
  const names = (await readdir(directory)).filter((name) => isLogOf(name, attempt));
  const files = await Promise.all(
    names.map(async (name) => ({ name, found: await lstat(join(directory, name)).catch(unless("ENOENT")) })),
  );
  return new Map(files.flatMap(({ name, found }) => (found ? [[found.ino, name] as const] : [])));
}

export const isLogOf = (name: string, attempt: string): boolean =>
  name === `${attempt}.log` || name.startsWith(`${attempt}.log.`);

/** As upstream names what it has rotated: 0.log.20060102-150405. The inode keeps names apart that would be the same. */
const rotatedName = (attempt: string, { changedAt, inode }: LogFile): string => {
  const digits = changedAt.toISOString().replaceAll(/\D/g, "");
  return `${attempt}.log.${digits.slice(0, 8)}-${digits.slice(8, 14)}.${inode}`;
};

/**
 * Makes `directory` show what the engine has of the log: `source` is the file it writes, those it rotated have a number behind. What
 * the engine has dropped goes from here, too. Resolves to the inode that the engine wrote to: another one later is a reason to come again.
 */
export async function mirrorLog(
  source: string,
  directory: string,
  attempt: string,
): Promise<number | undefined> {
  const numbered = async (n: number): Promise<LogFile[]> => {
    const file = await statOf(`${source}.${n}`);
    return file ? [file, ...(await numbered(n + 1))] : [];
  };
  const current = await statOf(source);
  const rotated = await numbered(1);
  const here = await linked(directory, attempt);
  const newest = `${attempt}.log`;
  const inodes = new Set([current, ...rotated].map((file) => file?.inode));
  for (const [inode, name] of here) if (!inodes.has(inode)) await rm(join(directory, name), { force: true });
  for (const file of rotated) {
    const name = here.get(file.inode);
    const to = join(directory, rotatedName(attempt, file));
    if (name === newest) await rename(join(directory, newest), to);
    // Rotated once more in this moment: the next look sees it.
    else if (name === undefined) await link(file.path, to).catch(unless("ENOENT", "EEXIST"));
  }
  if (current && !here.has(current.inode))
    await link(current.path, join(directory, newest)).catch(unless("ENOENT", "EEXIST"));
  return current?.inode;
}
