import type { ObjectReference } from "../api/generated/core-v1.ts";
import type { Event } from "../api/generated/events-v1.ts";
import { eventsV1 } from "../api/resources.ts";
import { isNotFound } from "../errors.ts";
import type { Logger } from "../log.ts";
import { formatMicroTime } from "../meta/time.ts";
import type { Client } from "./client.ts";
import { createEventNames, referenceTo, type EventSubject } from "./events.ts";

/** What happened to an object, as events.k8s.io tells it. */
export interface Happening {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  /** What the reporter was doing: `Binding`, `Scheduling`, … */
  readonly action: string;
  readonly note: string;
  /** The other object in it: who a victim made room for. */
  readonly related?: EventSubject | undefined;
}

export interface SeriesRecorder {
  /** Writes an events.k8s.io/v1 Event in the background. The same again becomes its series. */
  record(regarding: EventSubject, what: Happening): void;
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>;
}

export interface SeriesRecorderOptions {
  readonly client: Client;
  /** `default-scheduler`, … */
  readonly controller: string;
  /** Which of its processes. */
  readonly instance: string;
  readonly log?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly now?: () => number;
}

interface Series {
  readonly event: Event;
  count: number;
  last: number;
  /** The count that the API has. */
  written: number;
}

/** More waiting events than this are dropped: events inform, they must not become the load. */
const queueMax = 1_000;
const noteMax = 1_024;
/** Upstream's finishTime: how long a series may be quiet before the next of its kind is an event of its own. */
const finishMs = 360_000;

export function createSeriesRecorder(options: SeriesRecorderOptions) {
  const { client, log, signal, now = Date.now } = options;
  const request = signal ? { signal } : {};
  const known = new Map<string, Series>();
  const queue = new Set<Series>();
  let draining: Promise<void> | undefined;
  const nameAfter = createEventNames();

  const write = async (series: Series): Promise<void> => {
    const { event, count, last, written } = series;
    series.written = count;
    const { name = "", namespace } = event.metadata;
    const told = count > 1 ? { series: { count, lastObservedTime: formatMicroTime(last) } } : {};
    if (written > 0) {
      try {
        await client.patch(eventsV1, { namespace, name }, { type: "strategic", body: told }, request);
        return;
      } catch (error) {
        // Events end after an hour; what goes on is told anew.
        if (!isNotFound(error)) throw error;
      }
    }
    await client.create(eventsV1, { ...event, ...told }, request);
  };
  const drain = async (): Promise<void> => {
    for (const series of queue) {
      queue.delete(series);
      if (signal?.aborted) break;
      try {
        await write(series);
      } catch (error) {
        log?.debug({ err: error, reason: series.event.reason }, "an event could not be written");
      }
    }
    queue.clear();
    draining = undefined;
  };
  const enqueue = (series: Series): void => {
    if (queue.size >= queueMax && !queue.has(series)) {
      log?.debug({ reason: series.event.reason }, "too many events wait, one was dropped");
      return;
    }
    queue.add(series);
    draining ??= Promise.resolve().then(drain);
  };

  const begin = (regarding: ObjectReference, what: Happening, at: number): Series => {
    const event: Event = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: nameAfter(regarding, at), namespace: regarding.namespace || "default" },
      eventTime: formatMicroTime(at),
      reportingController: options.controller,
      reportingInstance: options.instance,
      action: what.action,
      reason: what.reason,
      regarding,
      ...(what.related ? { related: referenceTo(what.related) } : {}),
      note: cut(what.note),
      type: what.type,
    };
    return { event, count: 1, last: at, written: 0 };
  };

  const recorder: SeriesRecorder & { refresh(): void } = {
    record(regarding, what) {
      const at = now();
      const reference = referenceTo(regarding);
      const key = JSON.stringify([reference, what.type, what.reason, what.action, what.note]);
      const series = known.get(key);
      if (!series || at - series.last > finishMs) {
        const fresh = begin(reference, what, at);
        known.set(key, fresh);
        enqueue(fresh);
        return;
      }
      series.count += 1;
      series.last = at;
      // That it goes on is told at once; how long, from time to time.
      if (series.count === 2) enqueue(series);
    },
    /** Writes what series have come to, what was dropped before too, and forgets those that are over. */
    refresh() {
      for (const [key, series] of known) {
        if (series.count > series.written) enqueue(series);
        if (now() - series.last > finishMs) known.delete(key);
      }
    },
    flush: async () => {
      while (draining) await draining;
    },
  };
  const timer = setInterval(() => recorder.refresh(), finishMs).unref();
  signal?.addEventListener("abort", () => clearInterval(timer));
  return recorder;
}

const cut = (note: string): string => (note.length > noteMax ? `${note.slice(0, noteMax - 4)} ...` : note);
