/** Puts what extension servers have into the table of resources, for discovery and OpenAPI to show. */
import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { equal } from "../patch/json.ts";
import type { Kind, RemoteDocuments } from "../registry/kind.ts";
import type { ResourceTable } from "../registry/resources.ts";
import { customResourceNode } from "../schema/custom-node.ts";
import { combineVersions, remoteKinds, type resourcesIn } from "./remote-kinds.ts";

/** One version that a server answers for, as far as it is known. */
export interface RemoteVersion {
  readonly service: APIService;
  resources: ReturnType<typeof resourcesIn>;
  documents: RemoteDocuments | undefined;
  isStale: boolean;
}

export interface RemoteTable {
  /** Brings the table up to date with what is known of a group's versions. */
  show(group: string): void;
}

const open = customResourceNode(undefined);

/** @param remotes every version that another server answers for, whatever its key */
export function createRemoteTable(
  resources: ResourceTable,
  remotes: ReadonlyMap<string, RemoteVersion>,
): RemoteTable {
  /** What was put there, by group. */
  const shown = new Map<string, readonly Kind[]>();
  return {
    show(group) {
      const before = shown.get(group) ?? [];
      const all = [...remotes.values()].filter(({ service }) => service.spec?.group === group);
      const known = all.flatMap((remote) => remoteKinds(remote.service, remote.resources, remote));
      // What is served here under the same name stays.
      const ours = new Set(before);
      const taken = new Set(resources.kinds().flatMap((kind) => (ours.has(kind) ? [] : nameOf(kind))));
      const next = combineVersions(known).filter((kind) => !taken.has(nameOf(kind)));
      if (equal(next, before)) return;
      for (const kind of before) resources.remove(kind.group, kind.plural);
      for (const kind of next)
        resources.add(kind, Object.fromEntries(kind.versions.map((version) => [version, open])));
      if (next.length > 0) shown.set(group, next);
      else shown.delete(group);
    },
  };
}

const nameOf = ({ group, plural }: Kind): string => `${group}/${plural}`;
