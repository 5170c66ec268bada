import { amounts, type Pool, type PooledDevice } from "./pools.ts";

/** What devices that are cut out of one piece of hardware leave to each other. */
export interface Counters {
  /** Takes what the device consumes, or gives it back. @returns false, and takes nothing, when there is not enough */
  take(device: PooledDevice, by: 1 | -1): boolean;
}

/** Each consumption of a device: the counter, and how much of it. */
const consumptionsOf = ({ device, pool }: PooledDevice): [counter: string, amount: bigint][] =>
  (device.consumesCounters ?? []).flatMap(({ counterSet, counters }) =>
    [...amounts(counters)].map(([name, amount]): [string, bigint] => [
      counterKey(pool, counterSet, name),
      amount,
    ]),
  );
const counterKey = (pool: Pool, set: string, name: string): string =>
  `${pool.driver}/${pool.name}/${set}/${name}`;

/** @returns what makes the counters for one attempt, which leaves the next as it was */
export function countersOf(pools: readonly Pool[], taken: ReadonlySet<string>): () => Counters {
  const left = new Map<string, bigint>();
  for (const pool of pools) {
    for (const [set, counters] of pool.counters)
      for (const [name, amount] of counters) left.set(counterKey(pool, set, name), amount);
    if (pool.counters.size === 0) continue;
    for (const device of pool.devices)
      if (taken.has(device.id))
        for (const [key, amount] of consumptionsOf(device)) left.set(key, (left.get(key) ?? 0n) - amount);
  }
  return () => {
    const used = new Map<string, bigint>();
    return {
      take(device, by) {
        const all = consumptionsOf(device);
        // A counter that is not there has nothing left.
        const enough = all.every(([key, amount]) => (left.get(key) ?? -1n) - (used.get(key) ?? 0n) >= amount);
        if (by === 1 && !enough) return false;
        for (const [key, amount] of all) used.set(key, (used.get(key) ?? 0n) + BigInt(by) * amount);
        return true;
      },
    };
  };
}
