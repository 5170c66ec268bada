/** Completion indexes in rising order, with ranges: `0,2-4`. What is wrong is said in upstream's words. */
export type Interval = readonly [first: number, last: number];

export function parseIndexes(text: string, completions: number): Interval[] | { readonly problem: string } {
  const intervals: Interval[] = [];
  if (text === "") return intervals;
  for (const part of text.split(",")) {
    const interval = parseInterval(part, completions);
    if ("problem" in interval) return interval;
    const previous = intervals.at(-1)?.[1];
    if (previous !== undefined && previous >= interval[0]) return notRising(previous, interval[0]);
    intervals.push(interval);
  }
  return intervals;
}

export const countIndexes = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** @returns the first index that is in both */
export function firstOverlap(a: readonly Interval[], b: readonly Interval[]): number | undefined {
  let [i, j] = [0, 0];
  for (;;) {
    const x = a[i];
    const y = b[j];
    if (!x || !y) return undefined;
    if (x[0] <= y[1] && y[0] <= x[1]) return Math.max(x[0], y[0]);
    if (x[0] <= y[0]) i++;
    else j++;
  }
}

function parseInterval(text: string, completions: number): Interval | { readonly problem: string } {
  const parts = text.split("-");
  if (parts.length > 2)
    return {
      problem: `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`,
    };
  const numbers: number[] = [];
  for (const part of parts) {
    if (!/^\+?[0-9]+$/.test(part))
      return { problem: `cannot convert string to integer for index: ${JSON.stringify(part)}` };
    if (Number(part) >= completions) return { problem: `too large index: ${JSON.stringify(part)}` };
    numbers.push(Number(part));
  }
  const [first = 0, last] = numbers;
  if (last === undefined) return [first, first];
  return first >= last ? notRising(first, last) : [first, last];
}

const notRising = (previous: number, current: number): { readonly problem: string } => ({
  problem: `non-increasing order, previous: ${previous}, current: ${current}`,
});
