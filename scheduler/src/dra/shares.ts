import type { DeviceCapacity } from "@coracle/shared/api/generated/resource-v1.ts";
import { formatQuantity, parseQuantity } from "@coracle/shared/meta/quantity.ts";
import type { Demand } from "./demands.ts";
import type { PooledDevice } from "./pools.ts";

/** Capacity → how much of it, in billionths. */
export type Consumption = ReadonlyMap<string, bigint>;

/** Devices that several may use at the same time, as far as their capacity goes. */
export interface Shares {
  /** Takes a share, or gives it back. @returns false, and takes nothing, when there is not enough */
  take(device: PooledDevice, share: Consumption, by: 1 | -1): boolean;
}

/** @param shared device → what its users have of it */
export function createShares(shared: ReadonlyMap<string, Consumption>): Shares {
  const used = new Map<string, Map<string, bigint>>();
  return {
    take({ id, device }, share, by) {
      const of = used.get(id) ?? new Map(shared.get(id));
      const fits = [...share].every(
        ([name, amount]) => (of.get(name) ?? 0n) + amount <= nanos(device.capacity?.[name]?.value ?? "0"),
      );
      if (by === 1 && !fits) return false;
      for (const [name, amount] of share) of.set(name, (of.get(name) ?? 0n) + BigInt(by) * amount);
      used.set(id, of);
      return true;
    },
  };
}

export function addConsumption(
  shared: Map<string, Map<string, bigint>>,
  id: string,
  consumed: Readonly<Record<string, string>> = {},
): void {
  const of = shared.get(id) ?? new Map<string, bigint>();
  for (const [name, amount] of Object.entries(consumed)) of.set(name, (of.get(name) ?? 0n) + nanos(amount));
  shared.set(id, of);
}

const nanos = (text: string): bigint => parseQuantity(text).nanos;

/** What a demand takes of a device, rounded up to what may be asked for; undefined when it may not have it. Pure. */
export function shareOf(demand: Demand, { device, pool }: PooledDevice): Consumption | undefined {
  const share = new Map<string, bigint>();
  for (const [name, capacity] of Object.entries(device.capacity ?? {})) {
    const asked = demand.capacity[name] ?? demand.capacity[otherName(name, pool.driver)];
    const amount = roundUp(asked === undefined ? undefined : nanos(asked), capacity);
    if (amount === undefined) return undefined;
    share.set(name, amount);
  }
  return share;
}

/** With the driver's domain where it has none, and the other way round. */
const otherName = (name: string, driver: string): string =>
  name.startsWith(`${driver}/`) ? name.slice(driver.length + 1) : `${driver}/${name}`;

/** Who asks for nothing gets the usual, which is all of it where nobody says otherwise. */
function roundUp(asked: bigint | undefined, { value, requestPolicy }: DeviceCapacity): bigint | undefined {
  const { default: usual, validValues, validRange } = requestPolicy ?? {};
  if (asked === undefined) return nanos(usual ?? value);
  if (validValues?.length) return validValues.map(nanos).find((valid) => valid >= asked);
  if (!validRange) return asked;
  const min = nanos(validRange.min);
  if (asked <= min) return min;
  const step = validRange.step === undefined ? 0n : nanos(validRange.step);
  const over = step === 0n ? 0n : (asked - min) % step;
  const amount = over === 0n ? asked : asked - over + step;
  return validRange.max !== undefined && amount > nanos(validRange.max) ? undefined : amount;
}

/** As it is written into a claim's status, in the form of the device's own capacities. */
export const printConsumption = (share: Consumption, { device }: PooledDevice): Record<string, string> =>
  Object.fromEntries(
    [...share].map(([name, amount]) => {
      const { format } = parseQuantity(device.capacity?.[name]?.value ?? "0");
      return [name, formatQuantity({ nanos: amount, format })];
    }),
  );
