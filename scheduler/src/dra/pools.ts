import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import type { Device, ResourceSlice, ResourceSliceSpec } from "@coracle/shared/api/generated/resource-v1.ts";
import { parseQuantity } from "@coracle/shared/cel/quantity.ts";
import { nodeSelectorMatches } from "@coracle/shared/scheduling/node-affinity.ts";

/** A device of a pool, with the slice that says where it can be used. */
export interface PooledDevice {
  /** `driver/pool/device` */
  readonly id: string;
  readonly device: Device;
  readonly slice: ResourceSliceSpec;
  readonly pool: Pool;
}

/** The newest generation of a driver's pool. */
export interface Pool {
  readonly driver: string;
  readonly name: string;
  /** Some of its slices are still to come: a driver is changing it. */
  readonly incomplete: boolean;
  /** Two devices have one name. */
  readonly invalid: boolean;
  readonly devices: readonly PooledDevice[];
  /** counter set → counter → what there is, in billionths */
  readonly counters: ReadonlyMap<string, ReadonlyMap<string, bigint>>;
}

export const deviceId = (d: {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
}): string => `${d.driver}/${d.pool}/${d.device}`;

/** Pools from all slices, ordered by driver and name. Pure. */
export function gatherPools(slices: Iterable<ResourceSlice>): Pool[] {
  const groups = new Map<string, ResourceSliceSpec[]>();
  for (const { spec } of slices) {
    const key = `${spec.driver}/${spec.pool.name}`;
    const group = groups.get(key);
    const newest = group?.[0]?.pool.generation ?? -1;
    if (!group || spec.pool.generation > newest) groups.set(key, [spec]);
    else if (spec.pool.generation === newest) group.push(spec);
  }
  return [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, specs]) => poolOf(specs));
}

function poolOf(specs: readonly ResourceSliceSpec[]): Pool {
  const [{ driver, pool } = { driver: "", pool: { name: "", resourceSliceCount: 0 } }] = specs;
  const devices: PooledDevice[] = [];
  const made: Pool = {
    driver,
    name: pool.name,
    incomplete: specs.length !== pool.resourceSliceCount,
    invalid: hasDuplicates(specs.flatMap((s) => (s.devices ?? []).map((d) => d.name))),
    devices,
    counters: new Map(
      specs.flatMap((s) => (s.sharedCounters ?? []).map((set) => [set.name, amounts(set.counters)] as const)),
    ),
  };
  for (const slice of specs)
    for (const device of slice.devices ?? [])
      devices.push({
        id: deviceId({ driver, pool: pool.name, device: device.name }),
        device,
        slice,
        pool: made,
      });
  return made;
}

const hasDuplicates = (names: readonly string[]): boolean => new Set(names).size < names.length;

export const amounts = (
  counters: Readonly<Record<string, { readonly value: string }>>,
): ReadonlyMap<string, bigint> =>
  new Map(Object.entries(counters).map(([name, { value }]) => [name, parseQuantity(value).nanos]));

/** Whether the device can be used from the node. */
export function reaches({ device, slice }: PooledDevice, node: Node): boolean {
  const where = slice.perDeviceNodeSelection ? device : slice;
  if (where.nodeName) return where.nodeName === node.metadata.name;
  if (where.allNodes) return true;
  return where.nodeSelector !== undefined && nodeSelectorMatches(where.nodeSelector, node);
}
