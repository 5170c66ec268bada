export interface Queuing {
  readonly queues: number;
  /** How many queues a flow may use. */
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

/**
 * The waiting requests of one priority level. Each flow is dealt a few of many queues and waits in the shortest of them, so that one
 * with much to ask fills its own queues and leaves other flows theirs; queues take turns.
 */
export interface QueueSet<T> {
  readonly size: number;
  /** @returns false when the flow's shortest queue is full */
  add(flow: string, waiter: T): boolean;
  /** Takes out one that has given up. */
  remove(waiter: T): void;
  /** Takes out the one whose turn it is. */
  next(): T | undefined;
}

export function createQueueSet<T>({ queues, handSize, queueLengthLimit }: Queuing): QueueSet<T> {
  const waiting = new Map<number, T[]>();
  /** Numbers of the queues that are not empty, in the order of their turns. */
  let turns: number[] = [];
  let size = 0;
  const lengthOf = (queue: number): number => waiting.get(queue)?.length ?? 0;
  const emptied = (queue: number): void => {
    waiting.delete(queue);
    turns = turns.filter((q) => q !== queue);
  };
  return {
    get size() {
      return size;
    },
    add(flow, waiter) {
      const hand = deal(flow, queues, handSize);
      const queue = hand.reduce((best, q) => (lengthOf(q) < lengthOf(best) ? q : best));
      const list = waiting.get(queue) ?? [];
      if (list.length >= queueLengthLimit) return false;
      if (list.length === 0) {
        waiting.set(queue, list);
        turns.push(queue);
      }
      list.push(waiter);
      size++;
      return true;
    },
    remove(waiter) {
      for (const [queue, list] of waiting) {
        const at = list.indexOf(waiter);
        if (at < 0) continue;
        list.splice(at, 1);
        size--;
        if (list.length === 0) emptied(queue);
        return;
      }
    },
    next() {
      const queue = turns.shift();
      const list = queue === undefined ? undefined : waiting.get(queue);
      if (queue === undefined || !list) return undefined;
      const waiter = list.shift();
      size--;
      if (list.length > 0) turns.push(queue);
      else waiting.delete(queue);
      return waiter;
    },
  };
}

/** A flow's hand: distinct numbers below `deck`, the same ones each time. */
export function deal(flow: string, deck: number, handSize: number): number[] {
  const random = numbers(flow);
  const hand: number[] = [];
  for (let i = 0; i < Math.min(handSize, deck); i++) {
    // Counted among the cards that are left.
    let card = random() % (deck - i);
    for (const held of hand.toSorted((a, b) => a - b)) if (card >= held) card++;
    hand.push(card);
  }
  return hand;
}

/** An endless row of unsigned numbers that a text determines: FNV-1a to begin with, xorshift to go on. */
function numbers(text: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  state ||= 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
