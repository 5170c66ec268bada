/** The node's own files: a directory of a volume that its containers can bind, too. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, posix } from "node:path";

/** One place, as this process sees it and as the engine does. */
export interface Place {
  readonly here: string;
  readonly engine: string;
}

export interface NodeStorage {
  /** A path of what pods believe to be the node's file system. Never the host's. */
  host(path: string): Place;
  /** A pod's directory, and places in it. */
  pod(uid: string, ...parts: string[]): Place;
  /** Uids of the pods that have a directory. */
  pods(): Promise<readonly string[]>;
  removePod(uid: string): Promise<void>;
  /** The root of a process's file system; undefined where there is none (a node without containers). */
  rootOf(pid: number): string | undefined;
}

/** `here` and `engine` are the node's directory seen from both sides. */
export function createNodeStorage(root: Place): NodeStorage {
  const place = (...parts: string[]): Place => ({
    here: join(root.here, ...parts),
    engine: posix.join(root.engine, ...parts),
  });
  return {
    // `normalize` on an absolute path keeps `..` from leading out of it.
    host: (path) => place("host", posix.normalize(`/${path}`)),
    pod: (uid, ...parts) => place("pods", uid, ...parts),
    pods: async () => {
      await mkdir(join(root.here, "pods"), { recursive: true });
      return readdir(join(root.here, "pods"));
    },
    removePod: (uid) => rm(join(root.here, "pods", uid), { recursive: true, force: true }),
    rootOf: (pid) => `/proc/${pid}/root`,
  };
}

/** `path` of this process as the engine sees it, by the mounts of the container this process is in. */
export function enginePath(
  path: string,
  mounts: readonly { readonly target: string; readonly source: string }[],
): string {
  const [best] = mounts
    .filter(({ target }) => path === target || path.startsWith(target === "/" ? "/" : `${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length);
  return best ? posix.join(best.source, path.slice(best.target.length)) : path;
}
