/** Answers that are good for a while; who asks at the same time gets the same one. Those that failed are not kept. */
export interface Answers<T> {
  /** @param lifeMs how long an answer is kept, in milliseconds */
  get(key: string, ask: () => Promise<T>, lifeMs: (answer: T) => number): Promise<T>;
}

interface Kept<T> {
  readonly answer: Promise<T>;
  until: number;
}

/** The oldest go when there are more; a flood of strangers must not fill the memory. */
const MAX_KEPT = 500;

export function createAnswers<T>(now: () => number): Answers<T> {
  const kept = new Map<string, Kept<T>>();
  return {
    async get(key, ask, lifeMs) {
      const known = kept.get(key);
      if (known && known.until > now()) return known.answer;
      const entry: Kept<T> = { answer: ask(), until: Infinity };
      kept.delete(key);
      kept.set(key, entry);
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
      try {
        const answer = await entry.answer;
        entry.until = now() + lifeMs(answer);
        return answer;
      } catch (error) {
        if (kept.get(key) === entry) kept.delete(key);
        throw error;
      }
    },
  };
}
