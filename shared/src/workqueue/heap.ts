/** A binary min-heap by a number: what is due first is on top. */
export interface Heap<T> {
  push(at: number, value: T): void;
  peek(): { readonly at: number; readonly value: T } | undefined;
  pop(): { readonly at: number; readonly value: T } | undefined;
  readonly size: number;
  clear(): void;
}

interface Entry<T> {
  readonly at: number;
  readonly value: T;
}

export function createHeap<T>(): Heap<T> {
  const entries: Entry<T>[] = [];
  const at = (i: number): number => entries[i]?.at ?? Infinity;
  const swap = (i: number, j: number): void => {
    const [a, b] = [entries[i], entries[j]];
    if (a && b) {
      entries[i] = b;
      entries[j] = a;
    }
  };
  const up = (start: number): void => {
    for (let i = start; i > 0;) {
      const parent = (i - 1) >> 1;
      if (at(parent) <= at(i)) return;
      swap(i, parent);
      i = parent;
    }
  };
  const down = (): void => {
    for (let i = 0; ;) {
      const left = 2 * i + 1;
      const child = at(left + 1) < at(left) ? left + 1 : left;
      if (at(i) <= at(child)) return;
      swap(i, child);
      i = child;
    }
  };
  return {
    push(when, value) {
      entries.push({ at: when, value });
      up(entries.length - 1);
    },
    peek: () => entries[0],
    pop() {
      const top = entries[0];
      const last = entries.pop();
      if (last && entries.length > 0) {
        entries[0] = last;
        down();
      }
      return top;
    },
    get size() {
      return entries.length;
    },
    clear: () => {
      entries.length = 0;
    },
  };
}
