import type { ObjectReference } from "../api/generated/core-v1.ts";
import { createLru } from "./lru.ts";

/** What happened, before it is decided how it is written down. */
export interface Occurrence {
  readonly involvedObject: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** How to write it: a new Event, or one more on the count of an Event that exists. Undefined: dropped as spam. */
export interface Correlated {
  readonly key: string;
  readonly message: string;
  readonly count: number;
  readonly first: number;
  /** Name of the Event that already counts this, if any. */
  readonly existing: string | undefined;
}

interface Aggregate {
  readonly messages: Set<string>;
  last: number;
}
interface Logged {
  count: number;
  readonly first: number;
  name: string | undefined;
}
interface Bucket {
  tokens: number;
  last: number;
}

const CACHE = 4096;
const SPAM_BURST = 25;
const SPAM_REFILL_PER_MS = 1 / 300_000;
const SIMILAR_MAX = 10;
const SIMILAR_WINDOW_MS = 600_000;

/**
 * Upstream's event correlation: at most 25 events at once per object and source and one in five minutes after that; more than ten
 * alike (same object and reason, different text) become one combined event; identical ones only raise a count.
 */
export function createEventCorrelator(now: () => number) {
  const buckets = createLru<Bucket>(CACHE);
  const aggregates = createLru<Aggregate>(CACHE);
  const logged = createLru<Logged>(CACHE);

  const isSpam = (key: string): boolean => {
    const time = now();
    const bucket = buckets.get(key) ?? { tokens: SPAM_BURST, last: time };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (time - bucket.last) * SPAM_REFILL_PER_MS);
    bucket.last = time;
    buckets.set(key, bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  };
  const isCombined = (key: string, message: string): boolean => {
    const time = now();
    const known = aggregates.get(key);
    const aggregate =
      known && time - known.last <= SIMILAR_WINDOW_MS ? known : { messages: new Set<string>(), last: time };
    aggregate.messages.add(message);
    aggregate.last = time;
    aggregates.set(key, aggregate);
    if (aggregate.messages.size < SIMILAR_MAX) return false;
    // The set must not grow with every new text of an event that is combined anyway.
    for (const oldest of aggregate.messages) {
      aggregate.messages.delete(oldest);
      break;
    }
    return true;
  };

  return {
    correlate(what: Occurrence): Correlated | undefined {
      const o = what.involvedObject;
      const object = [o.kind, o.namespace, o.name, o.uid, o.apiVersion, o.fieldPath].join("|");
      if (isSpam(object)) return undefined;
      const group = `${object}|${what.type}|${what.reason}`;
      const combined = isCombined(group, what.message);
      const message = combined ? `(combined from similar events): ${what.message}` : what.message;
      const key = combined ? group : `${group}|${what.message}`;
      const entry = logged.get(key) ?? { count: 0, first: now(), name: undefined };
      entry.count += 1;
      logged.set(key, entry);
      return { key, message, count: entry.count, first: entry.first, existing: entry.name };
    },
    /** The Event was written under this name. */
    written(key: string, name: string): void {
      const entry = logged.get(key);
      if (entry) entry.name = name;
    },
  };
}
