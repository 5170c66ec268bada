/** Who is in which set: kept up to date pod by pod, so that one pod's change costs a look at the sets in use and nothing else. */
import type { Namespace, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { keyOf, membersOf, type PeerSet } from "./model.ts";

export interface Membership {
  /** The sets in use, by name. New ones are filled from `pods`. */
  use(sets: ReadonlyMap<string, PeerSet>, pods: () => Iterable<Pod>): void;
  /** A pod that is there, or whose namespace changed. */
  put(pod: Pod): void;
  remove(pod: Pod): void;
  /** The members of a set that is in use. */
  of(name: string): ReadonlySet<string>;
  /** Sets whose members may have changed since this was last asked. */
  takeChanged(): readonly string[];
}

interface Entry {
  readonly set: PeerSet;
  readonly byPod: Map<string, readonly string[]>;
}

export function createMembership(namespaceOf: (name: string) => Namespace | undefined): Membership {
  const entries = new Map<string, Entry>();
  const changed = new Set<string>();

  const putInto = (name: string, { set, byPod }: Entry, pod: Pod): void => {
    const key = keyOf(pod);
    const members = membersOf(set, pod, namespaceOf(pod.metadata.namespace ?? ""));
    if ((byPod.get(key) ?? []).join() === members.join()) return;
    if (members.length > 0) byPod.set(key, members);
    else byPod.delete(key);
    changed.add(name);
  };
  return {
    use(sets, pods) {
      for (const name of entries.keys()) if (!sets.has(name)) entries.delete(name);
      const fresh = [...sets].filter(([name]) => !entries.has(name));
      if (fresh.length === 0) return;
      for (const [name, set] of fresh) entries.set(name, { set, byPod: new Map() });
      for (const pod of pods()) {
        for (const [name] of fresh) {
          const entry = entries.get(name);
          if (entry) putInto(name, entry, pod);
        }
      }
    },
    put(pod) {
      for (const [name, entry] of entries) putInto(name, entry, pod);
    },
    remove(pod) {
      for (const [name, { byPod }] of entries) if (byPod.delete(keyOf(pod))) changed.add(name);
    },
    of: (name) => new Set([...(entries.get(name)?.byPod.values() ?? [])].flat()),
    takeChanged() {
      const names = [...changed].filter((name) => entries.has(name));
      changed.clear();
      return names;
    },
  };
}
