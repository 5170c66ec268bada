import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { VolumeError, type NodePath, type VolumeContext, type VolumeType } from "./volume.ts";
import { walk } from "./walk.ts";

/** Where a path of the node really is, its links followed as a process of the node would: never to the host's files. */
export async function nodePath(context: Pick<VolumeContext, "storage">, path: string): Promise<NodePath> {
  const below = await walk(context.storage("/").here, path, {
    chroot: true,
    outside: () => new VolumeError(`${path}: too many levels of symbolic links`),
    missing: () => Promise.resolve(),
  });
  return context.storage(`/${below}`);
}

const kindOf = async (path: string): Promise<string | undefined> => {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  if (found.isDirectory()) return "Directory";
  if (found.isFile()) return "File";
  if (found.isSocket()) return "Socket";
  if (found.isCharacterDevice()) return "CharDevice";
  return found.isBlockDevice() ? "BlockDevice" : "Other";
};

/** Makes what the type says may be made, and checks the rest. @throws VolumeError with upstream's text */
export async function checkHostPath(path: string, shown: string, type: string): Promise<void> {
  const found = await kindOf(path);
  if (type === "DirectoryOrCreate" && !found) await mkdir(path, { recursive: true, mode: 0o755 });
  else if (type === "FileOrCreate" && !found) {
    await mkdir(dirname(path), { recursive: true });
    await (await open(path, "a", 0o644)).close();
  } else if (type === "" && !found)
    // Docker would refuse a missing source; without a type upstream lets the runtime make the directory.
    await mkdir(path, { recursive: true, mode: 0o755 });
  else {
    const wanted = type.replace(/OrCreate$/, "");
    if (wanted !== "" && found !== wanted)
      throw new VolumeError(`hostPath type check failed: ${shown} is not a ${PRINTED[wanted] ?? wanted}`);
  }
}
const PRINTED: Readonly<Record<string, string>> = {
  Directory: "directory",
  File: "file",
  Socket: "socket file",
  CharDevice: "character device",
  BlockDevice: "block device",
};

/** A path of the node. A node's files are in its own storage, never the host's. */
export const hostPath: VolumeType = {
  name: "hostPath",
  plan({ hostPath: source }) {
    if (!source) return undefined;
    return {
      kind: "path",
      readOnly: false,
      resolve: async (context) => {
        const path = await nodePath(context, source.path);
        await checkHostPath(path.here, source.path, source.type ?? "");
        return path;
      },
    };
  },
};
