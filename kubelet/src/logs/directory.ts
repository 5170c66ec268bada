/** Directories that pods may write to, too: reached part by part and held open, so that no link leads anywhere else. */
import { constants } from "node:fs";
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

export interface Held extends AsyncDisposable {
  /** A path of this very directory, whatever stands at its name by now. */
  readonly path: string;
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const pathOf = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`;

/** Swallows the errors of these codes. @throws what else there is */
export const unless =
  (...codes: string[]) =>
  (error: unknown): undefined => {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  };

/**
 * Makes what is missing when `make` is set; a link on the way is an error then. Otherwise undefined when there is no such directory,
 * but nothing or a link.
 */
export async function hold(root: string, parts: readonly string[], make: boolean): Promise<Held | undefined> {
  let handle = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const part of parts) {
    const parent = handle;
    try {
      const path = join(pathOf(parent), part);
      if (make) await mkdir(path).catch(unless("EEXIST"));
      const next = await open(path, DIRECTORY).catch(unless(...(make ? [] : ["ENOENT", "ELOOP", "ENOTDIR"])));
      if (!next) return undefined;
      handle = next;
    } finally {
      await parent.close();
    }
  }
  return { path: pathOf(handle), [Symbol.asyncDispose]: () => handle.close() };
}
