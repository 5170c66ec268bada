/**
 * Who may use an image that is there already (KEP-2535): what was pulled with credentials is for pods that have them, too; others
 * must ask the registry. What the machine had before is for everybody.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import { readPullRecord, type ImageGrants } from "../gc/pull-record.ts";
import type { RegistryAuth } from "../runtime/runtime.ts";
import { credentialDigest } from "./credentials.ts";
import { repositoryOf } from "./reference.ts";

export interface ImageAccess {
  /** `credentials` are asked for only when the answer depends on them. */
  allows(id: string, image: string, credentials: () => Promise<readonly RegistryAuth[]>): Promise<boolean>;
}

/** Pure. The nodes of one engine share its images, so that it counts whoever pulled one. */
export function mayUse(
  grants: readonly (ImageGrants | undefined)[],
  repository: string,
  digests: readonly string[],
): boolean {
  const found = grants.flatMap((grant) => grant?.[repository] ?? []);
  return found.length === 0 || found.includes("anyone") || found.some((digest) => digests.includes(digest));
}

/** By the records of all nodes that keep theirs beside each other: `<directory>/<node>/<file>`. */
export function createImageAccess(directory: string, file: string, log: Logger): ImageAccess {
  const known = new Map<
    string,
    { readonly stamp: string; readonly grants: Readonly<Record<string, ImageGrants>> }
  >();
  const grantsIn = async (path: string): Promise<Readonly<Record<string, ImageGrants>>> => {
    const found = await stat(path).catch(() => undefined);
    if (!found) return {};
    // Each write is a new file: the clock of a file system may stand still between two.
    const stamp = `${found.ino}/${found.size}/${found.mtimeMs}`;
    const held = known.get(path);
    if (held?.stamp === stamp) return held.grants;
    const { grants } = await readPullRecord(path, log);
    known.set(path, { stamp, grants });
    return grants;
  };
  return {
    allows: async (id, image, credentials) => {
      const nodes = await readdir(directory).catch(() => []);
      const records = await Promise.all(nodes.map((node) => grantsIn(join(directory, node, file))));
      const grants = records.map((record) => record[id]);
      const repository = repositoryOf(image);
      if (mayUse(grants, repository, [])) return true;
      return mayUse(grants, repository, (await credentials()).map(credentialDigest));
    },
  };
}
