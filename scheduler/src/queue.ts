import type { ClusterEvent, Plugin } from "./framework.ts";
import type { PodInfo } from "./pod-info.ts";

export interface QueuedPod {
  readonly info: PodInfo;
  /** When it first came, in ms; pods of equal priority are served in that order. */
  readonly since: number;
  readonly attempts: number;
  /** Plugins that refused it at its last try. */
  readonly refusedBy: ReadonlySet<string>;
}

/** Pods that wait for a node: ready to be tried (active), waiting out their back-off, or until something changes. */
export interface SchedulingQueue {
  /** A pod that needs a node, or its newer version. */
  add(info: PodInfo): void;
  /** It has a node, or is gone. */
  remove(uid: string): void;
  /** The next to try, marked as under way; undefined when none is ready. */
  pop(): QueuedPod | undefined;
  /** The try ended with a node. */
  done(uid: string): void;
  /** The try failed. No plugin named: an error, which is tried again after its back-off. What came too early counts as no try. */
  failed(pod: QueuedPod, refusedBy: ReadonlySet<string>, early?: boolean): void;
  /** Wakes the pods that this may help. */
  onEvent(event: ClusterEvent): void;
  /** Tries all again that have waited long, in case a hint was wrong. */
  flushStale(olderThanMs: number): void;
  readonly size: number;
}

export interface QueueOptions {
  readonly plugins: readonly Plugin[];
  readonly now: () => number;
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** Called when a pod became ready to be tried. */
  readonly onReady: () => void;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

interface Entry {
  pod: QueuedPod;
  state: "active" | "backoff" | "waiting" | "trying";
  /** Until when the back-off lasts. */
  until: number;
  waitingSince: number;
  /** Something that may help happened during the try: it is not to wait then. */
  woken: boolean;
  /** Left the queue, or was replaced in a heap by a later entry. */
  position: number;
}

const before = (a: Entry, b: Entry): boolean =>
  a.pod.info.priority !== b.pod.info.priority
    ? a.pod.info.priority > b.pod.info.priority
    : a.pod.since !== b.pod.since
      ? a.pod.since < b.pod.since
      : a.position < b.position;

/** A binary heap whose entries may have gone stale: one that is no longer active is skipped when it comes up. */
function createActiveHeap() {
  const items: Entry[] = [];
  const up = (start: number): void => {
    for (let i = start; i > 0;) {
      const parent = (i - 1) >> 1;
      const [a, b] = [items[i], items[parent]];
      if (!a || !b || !before(a, b)) return;
      items[i] = b;
      items[parent] = a;
      i = parent;
    }
  };
  const down = (): void => {
    for (let i = 0; ;) {
      let best = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        const [a, b] = [items[child], items[best]];
        if (a && b && before(a, b)) best = child;
      }
      const [a, b] = [items[i], items[best]];
      if (best === i || !a || !b) return;
      items[i] = b;
      items[best] = a;
      i = best;
    }
  };
  return {
    push(entry: Entry): void {
      items.push(entry);
      up(items.length - 1);
    },
    pop(): Entry | undefined {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0 && last) {
        items[0] = last;
        down();
      }
      return first;
    },
  };
}

export function createSchedulingQueue(options: QueueOptions): SchedulingQueue {
  const { plugins, now, initialBackoffMs = 1_000, maxBackoffMs = 10_000 } = options;
  const entries = new Map<string, Entry>();
  const active = createActiveHeap();
  const trying = new Set<Entry>();
  const byPlugin = new Map<string, Set<Entry>>(plugins.map((p) => [p.name, new Set()]));
  let positions = 0;

  const unlist = (entry: Entry): void => {
    for (const name of entry.pod.refusedBy) byPlugin.get(name)?.delete(entry);
  };
  const activate = (entry: Entry): void => {
    unlist(entry);
    entry.state = "active";
    entry.position = positions++;
    active.push(entry);
    options.onReady();
  };
  const backoffOf = (attempts: number): number =>
    Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.max(0, attempts - 1));
  /** To the active queue, at once or when the back-off is over. */
  const wake = (entry: Entry): void => {
    const wait = entry.until - now();
    if (wait <= 0) {
      activate(entry);
      return;
    }
    unlist(entry);
    entry.state = "backoff";
    const { until } = entry;
    options.setTimer(() => {
      if (entry.state === "backoff" && entry.until === until && entries.get(entry.pod.info.uid) === entry)
        activate(entry);
    }, wait);
  };

  return {
    get size() {
      return entries.size;
    },
    add(info) {
      const entry = entries.get(info.uid);
      if (!entry) {
        const fresh: Entry = {
          pod: { info, since: now(), attempts: 0, refusedBy: new Set() },
          state: "active",
          until: 0,
          waitingSince: 0,
          woken: false,
          position: 0,
        };
        entries.set(info.uid, fresh);
        activate(fresh);
        return;
      }
      const old = entry.pod.info.pod;
      const gatesGone =
        (old.spec?.schedulingGates?.length ?? 0) > 0 && (info.pod.spec?.schedulingGates?.length ?? 0) === 0;
      const specChanged =
        JSON.stringify(old.spec) !== JSON.stringify(info.pod.spec) ||
        JSON.stringify(old.metadata.labels) !== JSON.stringify(info.pod.metadata.labels);
      const named =
        JSON.stringify(old.status?.resourceClaimStatuses) !==
        JSON.stringify(info.pod.status?.resourceClaimStatuses);
      entry.pod = { ...entry.pod, info };
      if (entry.state === "trying") entry.woken ||= specChanged || named;
      else if (entry.state === "waiting" && (specChanged || named)) {
        if (gatesGone) entry.until = 0;
        wake(entry);
      }
    },
    remove(uid) {
      const entry = entries.get(uid);
      if (!entry) return;
      unlist(entry);
      trying.delete(entry);
      entries.delete(uid);
    },
    pop() {
      for (let entry = active.pop(); entry; entry = active.pop()) {
        if (entry.state !== "active" || entries.get(entry.pod.info.uid) !== entry) continue;
        entry.state = "trying";
        trying.add(entry);
        entry.woken = false;
        entry.pod = { ...entry.pod, attempts: entry.pod.attempts + 1 };
        return entry.pod;
      }
      return undefined;
    },
    done(uid) {
      const entry = entries.get(uid);
      if (entry) trying.delete(entry);
      entries.delete(uid);
    },
    failed(pod, refusedBy, early = false) {
      const entry = entries.get(pod.info.uid);
      if (entry?.state !== "trying") return;
      trying.delete(entry);
      entry.pod = { ...entry.pod, refusedBy, attempts: pod.attempts - (early ? 1 : 0) };
      entry.until = early ? 0 : now() + backoffOf(pod.attempts);
      if (refusedBy.size === 0 || entry.woken) {
        wake(entry);
        return;
      }
      entry.state = "waiting";
      entry.waitingSince = now();
      for (const name of refusedBy) byPlugin.get(name)?.add(entry);
    },
    onEvent(event) {
      for (const plugin of plugins) {
        if (!plugin.helps) continue;
        for (const entry of byPlugin.get(plugin.name) ?? [])
          if (entry.state === "waiting" && plugin.helps(event, entry.pod.info)) wake(entry);
      }
      // What happens during a try, or before its failure is known, must not be missed.
      for (const entry of trying) entry.woken = true;
    },
    flushStale(olderThanMs) {
      for (const entry of entries.values())
        if (entry.state === "waiting" && now() - entry.waitingSince > olderThanMs) wake(entry);
    },
  };
}
