import { amounts, type Pool, type PooledDevice } from "./pools.ts";

/** What devices that are cut out of one piece of hardware leave to each other. */
export interface Counters {
  /** Takes what the device consumes, or gives it back. @returns false, and takes nothing, when there is not enough */
  take(device: PooledDevice, by: 1 | -1): boolean;
}

export function createCounters(pools: readonly Pool[], taken: ReadonlySet<string>): Counters {
  /** pool → counter set → counter → what is left */
  const left = new Map<Pool, Map<string, Map<string, bigint>>>();
  for (const pool of pools)
    if (pool.counters.size > 0)
      left.set(pool, new Map([...pool.counters].map(([name, counters]) => [name, new Map(counters)])));

  const change = (device: PooledDevice, by: 1 | -1): void => {
    for (const { counterSet, counters } of device.device.consumesCounters ?? []) {
      const set = left.get(device.pool)?.get(counterSet);
      for (const [name, amount] of amounts(counters))
        set?.set(name, (set.get(name) ?? 0n) - BigInt(by) * amount);
    }
  };
  const enough = (device: PooledDevice): boolean =>
    (device.device.consumesCounters ?? []).every(({ counterSet, counters }) => {
      const set = left.get(device.pool)?.get(counterSet);
      return [...amounts(counters)].every(([name, amount]) => (set?.get(name) ?? -1n) >= amount);
    });
  for (const pool of left.keys())
    for (const device of pool.devices) if (taken.has(device.id)) change(device, 1);

  return {
    take(device, by) {
      if (by === 1 && !enough(device)) return false;
      change(device, by);
      return true;
    },
  };
}
