/** Finds a place below a root without ever following a link out of it: who writes there must not choose what of the host is reached. */
import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";

const MAX_LINKS = 40;

export interface WalkRules {
  /** The root is the reader's `/`: links and `..` that lead above it end there. Otherwise such a path is refused. */
  readonly chroot: boolean;
  /** Called for a part that is not there; the walk goes on below it. */
  missing(parent: string, path: string): Promise<void>;
  /** The error for a path that is refused. */
  outside(): Error;
}

const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/**
 * The real path, relative to the root. The engine takes paths only, so that what is swapped for a link after this look cannot be
 * noticed.
 */
export async function walk(root: string, path: string, rules: WalkRules): Promise<string> {
  const todo = partsOf(path);
  let done: string[] = [];
  let links = 0;
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === "..") {
      if (done.pop() === undefined && !rules.chroot) throw rules.outside();
      continue;
    }
    const at = join(root, ...done, part);
    const found = await lstat(at).catch(() => undefined);
    if (found?.isSymbolicLink()) {
      const target = await readlink(at);
      const absolute = target.startsWith("/");
      if (++links > MAX_LINKS || (absolute && !rules.chroot)) throw rules.outside();
      if (absolute) done = [];
      todo.unshift(...partsOf(target));
      continue;
    }
    if (!found) await rules.missing(join(root, ...done), at);
    done.push(part);
  }
  return done.join("/");
}
