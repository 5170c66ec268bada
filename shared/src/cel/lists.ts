/** Functions on lists and sets. */
import { Duration, type Environment } from "./library.ts";

type Ordered = string | number | bigint | boolean | Date | Duration;

const less = (a: Ordered, b: Ordered): boolean =>
  a instanceof Duration || b instanceof Duration ? Number(a) < Number(b) : a < b;

export function registerLists(environment: Environment): void {
  environment
    .registerFunction("list.isSorted(): bool", (list: readonly Ordered[]) =>
      list.every((item, i) => i === 0 || !less(item, list[i - 1] as Ordered)),
    )
    .registerFunction("list<A>.sum(): A", (list: readonly Ordered[]) => sum(list))
    .registerFunction("list<A>.min(): A", (list: readonly Ordered[]) => extreme(list, "min", less))
    .registerFunction("list<A>.max(): A", (list: readonly Ordered[]) =>
      extreme(list, "max", (a, b) => less(b, a)),
    )
    .registerFunction("list<A>.indexOf(A): int", (list: readonly unknown[], item: unknown) =>
      BigInt(list.findIndex((other) => equalValues(other, item))),
    )
    .registerFunction("list<A>.lastIndexOf(A): int", (list: readonly unknown[], item: unknown) =>
      BigInt(list.findLastIndex((other) => equalValues(other, item))),
    )
    .registerFunction("list.distinct(): list", (list: readonly unknown[]) => distinct(list))
    .registerFunction("list.reverse(): list", (list: readonly unknown[]) => list.toReversed())
    .registerFunction("list.sort(): list", (list: readonly Ordered[]) =>
      list.toSorted((a, b) => (less(a, b) ? -1 : less(b, a) ? 1 : 0)),
    )
    .registerFunction("list.flatten(): list", (list: readonly unknown[]) => list.flat())
    .registerFunction("list.slice(int, int): list", (list: readonly unknown[], from: bigint, to: bigint) => {
      if (from < 0n || from > to || to > BigInt(list.length))
        throw new Error(`cannot slice(${from}, ${to}), list is length ${list.length}`);
      return list.slice(Number(from), Number(to));
    })
    .registerType("sets.Namespace", Sets)
    .registerConstant("sets", "sets.Namespace", new Sets())
    .registerFunction("sets.Namespace.contains(list, list): bool", (_: Sets, a: unknown[], b: unknown[]) =>
      containsAll(a, b),
    )
    .registerFunction(
      "sets.Namespace.equivalent(list, list): bool",
      (_: Sets, a: unknown[], b: unknown[]) => containsAll(a, b) && containsAll(b, a),
    )
    .registerFunction("sets.Namespace.intersects(list, list): bool", (_: Sets, a: unknown[], b: unknown[]) =>
      b.some((item) => a.some((other) => equalValues(item, other))),
    );
}

class Sets {
  readonly name = "sets";
}

const containsAll = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  b.every((item) => a.some((other) => equalValues(item, other)));

const distinct = (list: readonly unknown[]): unknown[] =>
  list.filter((item, i) => list.findIndex((other) => equalValues(other, item)) === i);

function sum(list: readonly Ordered[]): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) return 0n;
  if (first instanceof Duration)
    return rest.reduce<Duration>((total, item) => total.addDuration(item as Duration), first);
  return rest.reduce((total, item) => ((total as number) + (item as number)) as Ordered, first);
}

function extreme(
  list: readonly Ordered[],
  name: string,
  before: (a: Ordered, b: Ordered) => boolean,
): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, item) => (before(item, best) ? item : best), first);
}

/** Equality of values as `==` has it. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if ((typeof a === "bigint" && typeof b === "number") || (typeof a === "number" && typeof b === "bigint"))
    // oxlint-disable-next-line eslint/eqeqeq -- an integer and a double of the same amount are equal
    return a == b;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Duration && b instanceof Duration) return a.seconds === b.seconds && a.nanos === b.nanos;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => equalValues(item, b[i]));
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equalValues(item, b.get(key)));
  }
  return false;
}
