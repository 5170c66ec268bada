/** subPath: a place inside a volume. */
import { chmod, lstat, mkdir } from "node:fs/promises";
import { VolumeError } from "./volume.ts";
import { walk } from "./walk.ts";

/**
 * What the API cannot know of a path that is made of variables.
 * @throws VolumeError with upstream's text
 */
export function checkSubPath(subPath: string): void {
  if (subPath.startsWith("/"))
    throw new VolumeError(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split("/").includes(".."))
    throw new VolumeError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
}

/**
 * The real path, relative to the root, of `subPath`; directories that are missing are made, unless the volume is `fixed`.
 * @throws VolumeError when it leads out of the volume
 */
export const resolveSubPath = (root: string, subPath: string, fixed = false): Promise<string> =>
  walk(root, subPath, {
    chroot: false,
    outside: () => new VolumeError(`subPath "${subPath}" leads out of its volume`),
    missing: async (parent, path) => {
      if (fixed) throw new VolumeError(`there is no "${subPath}" in the volume`);
      const { mode } = await lstat(parent);
      await mkdir(path);
      // Past the umask: whoever may write to the volume may write here.
      await chmod(path, mode & 0o7777);
    },
  });
