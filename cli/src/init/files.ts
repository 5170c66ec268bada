import { chmod, chown, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface WriteOptions {
  readonly mode: number;
  readonly uid?: number | undefined;
  /** On the disk before this returns: for what cannot be made again. */
  readonly durable?: boolean;
}

/** Files below one directory, written atomically and only when they change. */
export interface Directory {
  readonly path: string;
  read(name: string): Promise<string | undefined>;
  /** Returns whether the file's content was another before. */
  write(name: string, content: string | Uint8Array, options: WriteOptions): Promise<boolean>;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function replace(path: string, content: string | Uint8Array, options: WriteOptions): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(content);
    if (options.durable === true) await file.sync();
  } finally {
    await file.close();
  }
  if (options.uid !== undefined) await chown(temporary, options.uid, options.uid);
  await chmod(temporary, options.mode);
  await rename(temporary, path);
}

/** Opens a directory, making it when it is missing; `uid` is to own it and, unless said otherwise, its files. */
export async function openDirectory(path: string, uid?: number): Promise<Directory> {
  await mkdir(path, { recursive: true });
  if (uid !== undefined) {
    await chown(path, uid, uid);
    await chmod(path, 0o700);
  }
  return {
    path,
    read: (name) => readIfThere(join(path, name)),
    async write(name, content, options) {
      const full = join(path, name);
      const owner = options.uid ?? uid;
      const text = typeof content === "string" ? content : Buffer.from(content).toString("utf8");
      if ((await readIfThere(full)) === text) {
        if (owner !== undefined) await chown(full, owner, owner);
        await chmod(full, options.mode);
        return false;
      }
      await mkdir(dirname(full), { recursive: true });
      if (uid !== undefined) await chown(dirname(full), uid, uid);
      await replace(full, content, { ...options, uid: owner });
      return true;
    },
  };
}

export const SECRET = { mode: 0o400 } as const;
export const PUBLIC = { mode: 0o444 } as const;
export const MASTER = { mode: 0o400, durable: true } as const;
