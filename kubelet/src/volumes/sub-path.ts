/** subPath: a place inside a volume, found without ever following a link out of it. */
import { chmod, lstat, mkdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { VolumeError } from "./volume.ts";

const MAX_LINKS = 40;

/**
 * The real path, relative to the root, of `subPath`; directories that are missing are made. Links are followed by hand, since
 * whoever writes to the volume must not choose what of the host is mounted.
 * @throws VolumeError when it leads out of the volume
 */
export async function resolveSubPath(root: string, subPath: string): Promise<string> {
  const outside = (): VolumeError => new VolumeError(`subPath "${subPath}" leads out of its volume`);
  const todo = subPath.split("/").filter((part) => part !== "" && part !== ".");
  const done: string[] = [];
  let links = 0;
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === "..") {
      if (done.pop() === undefined) throw outside();
      continue;
    }
    const path = join(root, ...done, part);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) {
      const target = await readlink(path);
      if (target.startsWith("/") || ++links > MAX_LINKS) throw outside();
      todo.unshift(...target.split("/").filter((p) => p !== "" && p !== "."));
      continue;
    }
    if (!found) {
      const parent = await lstat(join(root, ...done));
      await mkdir(path);
      // Past the umask: whoever may write to the volume may write here.
      await chmod(path, parent.mode & 0o7777);
    }
    done.push(part);
  }
  return done.join("/");
}
