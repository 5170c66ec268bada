import type { Change } from "./store.ts";

/** What one reader of the change log has still to be given, and how it learns of that without asking. */
export interface Pending {
  /** A change that this process made, as Redis has acknowledged it. */
  made(change: Change): void;
  /** Somebody else's change is in the log. */
  told(revision: number): void;
  /** The log may hold anything: the connection is new, or nothing has been heard for a while. */
  look(): void;
  /** Changes made here that follow this revision without a gap. */
  take(last: number): readonly Change[];
  /** Whether the log must be read for what comes after this revision. Asking forgets that a look was wanted. */
  mustRead(last: number): boolean;
  /** The log, read after the reader was told, has nothing after this revision. */
  nothingAfter(last: number, asOf: number): void;
  readonly newest: number;
  /** Resolves when there may be something to take or to read. */
  wait(): Promise<void>;
  /** Ends a wait. */
  wake(): void;
}

/** Changes made here that a reader does not come for are forgotten; it reads them in the log then. */
const limit = 4_096;

/**
 * A server's own changes need not come back to it over the network: it knows their content, and Redis's answer tells their
 * revision. They are handed on when they are next in line; where others have written in between, the log is read.
 */
export function createPending(): Pending {
  const own = new Map<number, Change>();
  let newest = 0;
  let looking = true;
  let waiting: (() => void) | undefined;
  const wake = (): void => {
    waiting?.();
    waiting = undefined;
  };
  return {
    made(change) {
      if (own.size >= limit) own.clear();
      own.set(change.revision, change);
      newest = Math.max(newest, change.revision);
      wake();
    },
    told(revision) {
      if (revision <= newest) return;
      newest = revision;
      wake();
    },
    look() {
      looking = true;
      wake();
    },
    take(last) {
      if (own.size === 0) return [];
      const next: Change[] = [];
      for (let change = own.get(last + 1); change; change = own.get(change.revision + 1)) {
        own.delete(change.revision);
        next.push(change);
      }
      // What is left came before, out of the log, or is to come after what others wrote.
      const reached = next.at(-1)?.revision ?? last;
      for (const revision of own.keys()) if (revision <= reached) own.delete(revision);
      return next;
    },
    mustRead(last) {
      const must = looking || newest > last;
      looking = false;
      return must;
    },
    nothingAfter(last, asOf) {
      if (newest === asOf) newest = last;
    },
    get newest() {
      return newest;
    },
    async wait() {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = resolve;
      await promise;
    },
    wake,
  };
}
