/**
 * What a controller has just done and its cache may not show yet. Children are tracked by name (creations) and uid (deletions), so that
 * an unrelated event can never be taken for the awaited one. A key with open expectations must not create or delete.
 */
export interface Expectations {
  creating(key: string, child: string): void;
  deleting(key: string, uid: string): void;
  /** The cache shows (or showed) this child. */
  sawCreated(key: string, child: string): void;
  /** The cache shows this child gone or going. */
  sawDeleted(key: string, uid: string): void;
  /** The write definitely did not happen. */
  creationFailed(key: string, child: string): void;
  deletionFailed(key: string, uid: string): void;
  settled(key: string): boolean;
  forget(key: string): void;
}

/** A lost event must not stop a controller for ever: upstream waits five minutes too. */
const EXPIRY_MS = 5 * 60_000;

export function createExpectations(now: () => number): Expectations {
  const open = new Map<string, Map<string, number>>();
  const expect = (key: string, what: string): void => {
    const entries = open.get(key) ?? new Map<string, number>();
    entries.set(what, now());
    open.set(key, entries);
  };
  const clear = (key: string, what: string): void => {
    const entries = open.get(key);
    if (entries?.delete(what) && entries.size === 0) open.delete(key);
  };
  return {
    creating: (key, child) => expect(key, `+${child}`),
    deleting: (key, uid) => expect(key, `-${uid}`),
    sawCreated: (key, child) => clear(key, `+${child}`),
    sawDeleted: (key, uid) => clear(key, `-${uid}`),
    creationFailed: (key, child) => clear(key, `+${child}`),
    deletionFailed: (key, uid) => clear(key, `-${uid}`),
    settled(key) {
      const entries = open.get(key);
      if (!entries) return true;
      const limit = now() - EXPIRY_MS;
      for (const [what, since] of entries) if (since < limit) clear(key, what);
      return !open.has(key);
    },
    forget: (key) => void open.delete(key),
  };
}
