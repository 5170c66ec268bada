/** Timing helpers of the benchmarks. A figure is printed as a ratio to a floor that was measured in the same run. */

export const milliseconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Runs `work` for each number below `count`, at most `width` at once. */
export async function inParallel<T>(
  count: number,
  width: number,
  work: (i: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, count) }, async () => {
      while (next < count) {
        const i = next++;
        results[i] = await work(i);
      }
    }),
  );
  return results;
}

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: "ms" | "s" | "/s" | "MiB" | "MiB/s" | "%";
  /** The same work without the cluster; absent where there is none. */
  readonly floor?: number | undefined;
  /** The ratio to reach: at most (for times) or at least (for rates). */
  readonly goal?: string | undefined;
}

const show = (value: number, unit: string): string =>
  `${value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ${unit}`;

export function report(rows: readonly Row[]): void {
  for (const { what, value, unit, floor, goal } of rows) {
    const ratio =
      floor === undefined ? "" : `  floor ${show(floor, unit)}  ratio ${(value / floor).toFixed(2)}`;
    console.log(
      `${what.padEnd(46)} ${show(value, unit).padStart(12)}${ratio}${goal ? `  (goal ${goal})` : ""}`,
    );
  }
}
