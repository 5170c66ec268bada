/** A queue on an array: both ends in constant time, the middle by index. */
export interface Deque<T> {
  readonly length: number;
  push(item: T): void;
  shift(): T | undefined;
  at(index: number): T | undefined;
  clear(): void;
}

export function createDeque<T>(): Deque<T> {
  let items: (T | undefined)[] = [];
  let head = 0;
  return {
    get length() {
      return items.length - head;
    },
    push: (item) => void items.push(item),
    shift() {
      if (head === items.length) return undefined;
      const item = items[head];
      items[head++] = undefined;
      if (head > 1024 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    at: (index) => items[head + index],
    clear() {
      items = [];
      head = 0;
    },
  };
}

/** The first index whose item satisfies `above`, which holds from some index on. */
export function firstIndex<T>(deque: Deque<T>, above: (item: T) => boolean): number {
  let low = 0;
  let high = deque.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = deque.at(middle);
    if (item !== undefined && above(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}
