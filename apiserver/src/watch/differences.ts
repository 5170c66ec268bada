import type { CachedState } from "./cached.ts";
import { get, range, type Root } from "./tree.ts";
import { sortKey } from "./resource-cache.ts";
import type { CacheEvent } from "./types.ts";

/** What must have happened between two states of a resource; deletions are dated at the newer state's revision. */
export function* differences(
  before: Root<CachedState>,
  after: Root<CachedState>,
  revision: number,
): Generator<CacheEvent> {
  for (const current of range(after)) {
    const previous = get(before, sortKey(current.key));
    if (!previous) yield { type: "ADDED", revision: current.revision, current };
    else if (previous.revision !== current.revision) {
      yield { type: "MODIFIED", revision: current.revision, current, previous };
    }
  }
  for (const previous of range(before)) {
    if (!get(after, sortKey(previous.key))) {
      yield { type: "DELETED", revision, current: previous.at(revision), previous };
    }
  }
}
