import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { must } from "./run.ts";

const MIB = 1024 * 1024;
const MANY_FILES = 1_000_000;

export interface SmallDisk {
  /** From now on there is only so much room on it. */
  limit(freeMiB: number): Promise<void>;
  /** Takes all room but this much. */
  fill(leaveMiB: number): Promise<void>;
  /** Gives back what `fill` took. */
  empty(): Promise<void>;
  /** Only so many more files and directories, however small; undefined: as many as there is room for. */
  limitFiles(more: number | undefined): Promise<void>;
}

/** A disk in memory: it is as large as a test wants it, and nobody else's files are on it. */
export async function mountSmallDisk(at: string): Promise<SmallDisk> {
  const file = join(at, "fill");
  const freeBytes = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(at);
    return bavail * bsize;
  };
  await mkdir(at);
  await must("mount", ["-t", "tmpfs", "-o", "size=4g,mode=711", "tmpfs", at]);
  return {
    limit: async (freeMiB) => {
      const { blocks, bfree, bsize } = await statfs(at);
      const size = (blocks - bfree) * bsize + freeMiB * MIB;
      await must("mount", ["-o", `remount,size=${size}`, at]);
    },
    fill: async (leaveMiB) => {
      const length = (await freeBytes()) - leaveMiB * MIB;
      // No byte is written.
      await must("fallocate", ["--length", String(length), file]);
    },
    empty: () => rm(file, { force: true }),
    limitFiles: async (more) => {
      const { files, ffree } = await statfs(at);
      const most = more === undefined ? MANY_FILES : files - ffree + more;
      await must("mount", ["-o", `remount,nr_inodes=${most}`, at]);
    },
  };
}
