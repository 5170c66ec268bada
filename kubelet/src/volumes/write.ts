/** Writes a volume's files so that a reader sees either all of the old ones or all of the new ones. */
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Payload } from "./volume.ts";

const DATA = "..data";
const ROOT = 0o777;
const GROUP_READ = 0o040;
const GROUP_TRAVERSE = 0o2050;

/** Paths stay below the volume; names with a leading `..` are the writer's own. @throws Error otherwise */
function checkPath(path: string): void {
  const parts = path.split("/");
  if (path === "" || path.startsWith("/") || parts.includes("..") || parts[0]?.startsWith(".."))
    throw new Error(`invalid path in a volume: ${path}`);
}

/** Modes and owner of everything: with a group (fsGroup) it may read, and new files are the group's. */
interface Look {
  readonly directory: number;
  file(mode: number): number;
  readonly group: number | undefined;
}
const lookFor = (group: number | undefined): Look =>
  group === undefined
    ? { directory: 0o755, file: (mode) => mode, group }
    : { directory: 0o755 | GROUP_TRAVERSE, file: (mode) => mode | GROUP_READ | 0o400, group };
/** Root, but in tests. */
const OWNER = process.getuid?.() ?? 0;
const GROUP = process.getgid?.() ?? 0;

/** Whether the directory holds just this: then readers who watch it are left in peace. */
async function holds(directory: string, payload: Payload, look: Look): Promise<boolean> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  if (found.filter((entry) => entry.isFile()).length !== payload.size) return false;
  for (const [path, file] of payload) {
    const at = join(directory, path);
    const { mode, uid, gid, size } = await lstat(at);
    if (
      (mode & 0o7777) !== look.file(file.mode) ||
      uid !== (file.uid ?? OWNER) ||
      gid !== (look.group ?? GROUP) ||
      size !== file.data.length ||
      !(await readFile(at)).equals(file.data)
    )
      return false;
  }
  return true;
}

async function fill(directory: string, payload: Payload, look: Look): Promise<void> {
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
    if (look.group !== undefined || file.uid !== undefined)
      await chown(target, file.uid ?? OWNER, look.group ?? GROUP);
    await chmod(target, look.file(file.mode));
  }
  if (look.group === undefined) return;
  for (const d of directories) {
    await chown(d, OWNER, look.group);
    await chmod(d, look.directory);
  }
}

/** Links of earlier payloads and directories of interrupted writes. What else is there (a subPath that was made) is in use. */
async function removeStale(root: string, current: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(root)) {
    const stale = name.startsWith("..")
      ? name !== DATA && name !== current
      : !names.has(name) && (await readlink(join(root, name)).catch(() => undefined)) === `${DATA}/${name}`;
    if (stale) await rm(join(root, name), { recursive: true, force: true });
  }
}

async function turnTo(root: string, payload: Payload, look: Look): Promise<string> {
  if (look.group !== undefined) await chown(root, OWNER, look.group);
  await chmod(root, look.group === undefined ? ROOT : ROOT | GROUP_TRAVERSE);
  const fresh = `..${new Date().toISOString().replaceAll(/[-:T]/g, "_").slice(0, 19)}.${randomBytes(5).toString("hex")}`;
  await fill(join(root, fresh), payload, look);
  const turning = join(root, `${DATA}_tmp`);
  await rm(turning, { force: true });
  await symlink(fresh, turning);
  await rename(turning, join(root, DATA));
  return fresh;
}

/**
 * Fills a new directory beside the old one and turns the link `..data` to it; `name` → `..data/name` are the links readers use.
 * Nothing is touched when the files are there already. `group` gets to read everything (fsGroup).
 */
export async function writePayload(root: string, payload: Payload, group?: number): Promise<void> {
  for (const path of payload.keys()) checkPath(path);
  const look = lookFor(group);
  const old = await readlink(join(root, DATA)).catch(() => undefined);
  const same = old !== undefined && (await holds(join(root, old), payload, look).catch(() => false));
  const current = same ? old : await turnTo(root, payload, look);
  const names = new Set([...payload.keys()].map((path) => path.split("/", 1)[0] ?? ""));
  for (const name of names) {
    const link = join(root, name);
    if ((await lstat(link).catch(() => undefined)) === undefined) await symlink(`${DATA}/${name}`, link);
  }
  await removeStale(root, current, names);
}
