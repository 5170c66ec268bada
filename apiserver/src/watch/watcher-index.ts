import type { CacheEvent, WatchOptions } from "./types.ts";
import { concerns, type Watcher } from "./watcher.ts";

/** The watchers of one resource, found by name or namespace: an event costs only those it may concern. */
export interface WatcherIndex {
  add(watcher: Watcher): void;
  remove(watcher: Watcher): void;
  push(event: CacheEvent): void;
  all(): Iterable<Watcher>;
  readonly size: number;
}

export function createWatcherIndex(): WatcherIndex {
  const everyone = new Set<Watcher>();
  const groups = new Map<string, Set<Watcher>>();
  const groupOf = (o: WatchOptions): string => (o.name ? `name/${o.name}` : `in/${o.namespace ?? ""}`);
  const tell = (group: string, event: CacheEvent): void => {
    const members = groups.get(group);
    if (!members) return;
    // A watcher that overflows removes itself, which a Set's iteration allows.
    for (const watcher of members) if (concerns(watcher.options, event)) watcher.push(event);
  };
  return {
    add(watcher) {
      everyone.add(watcher);
      const group = groupOf(watcher.options);
      const members = groups.get(group);
      if (members) members.add(watcher);
      else groups.set(group, new Set([watcher]));
    },
    remove(watcher) {
      everyone.delete(watcher);
      const group = groupOf(watcher.options);
      const members = groups.get(group);
      members?.delete(watcher);
      if (members?.size === 0) groups.delete(group);
    },
    push(event) {
      if (everyone.size === 0) return;
      tell("in/", event);
      if (event.current.key.namespace) tell(`in/${event.current.key.namespace}`, event);
      tell(`name/${event.current.key.name}`, event);
    },
    all: () => [...everyone],
    get size() {
      return everyone.size;
    },
  };
}
