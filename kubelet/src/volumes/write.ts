/** Writes a volume's files so that a reader sees either all of the old ones or all of the new ones. */
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Payload } from "./volume.ts";

const DATA = "..data";
const GROUP_READ = 0o040;
const GROUP_TRAVERSE = 0o2050;

/** Paths stay below the volume; names with a leading `..` are the writer's own. @throws Error otherwise */
function checkPath(path: string): void {
  const parts = path.split("/");
  if (path === "" || path.startsWith("/") || parts.includes("..") || parts[0]?.startsWith(".."))
    throw new Error(`invalid path in a volume: ${path}`);
}

/**
 * Fills a new directory beside the old one and turns the link `..data` to it; `name` → `..data/name` are the links readers use.
 * `group` gets to read everything (fsGroup).
 */
export async function writePayload(root: string, payload: Payload, group?: number): Promise<void> {
  for (const path of payload.keys()) checkPath(path);
  const fresh = `..${new Date().toISOString().replaceAll(/[-:T]/g, "_").slice(0, 19)}.${randomBytes(5).toString("hex")}`;
  const directory = join(root, fresh);
  await mkdir(directory, { mode: 0o755 });
  const directories = new Set([directory]);
  for (const [path, file] of payload) {
    const target = join(directory, path);
    const parent = dirname(target);
    if (!directories.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o755 });
      for (let d = parent; d !== directory; d = dirname(d)) directories.add(d);
    }
    await writeFile(target, file.data, { mode: 0o600 });
    if (group !== undefined || file.uid !== undefined) await chown(target, file.uid ?? 0, group ?? 0);
    await chmod(target, group === undefined ? file.mode : file.mode | GROUP_READ | 0o400);
  }
  if (group !== undefined)
    for (const d of directories) {
      await chown(d, 0, group);
      await chmod(d, 0o755 | GROUP_TRAVERSE);
    }
  const old = await readlink(join(root, DATA)).catch(() => undefined);
  const turning = join(root, `${DATA}_tmp`);
  await rm(turning, { force: true });
  await symlink(fresh, turning);
  await rename(turning, join(root, DATA));
  const names = new Set([...payload.keys()].map((path) => path.split("/", 1)[0] ?? ""));
  for (const name of names) {
    const link = join(root, name);
    if ((await lstat(link).catch(() => undefined)) === undefined) await symlink(`${DATA}/${name}`, link);
  }
  for (const name of await readdir(root)) {
    const stale = name.startsWith("..") ? name !== DATA && name !== fresh : !names.has(name);
    if (stale && name !== old) await rm(join(root, name), { recursive: true, force: true });
  }
  if (old && old !== fresh) await rm(join(root, old), { recursive: true, force: true });
}
