import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import { reaches, type Pool, type PooledDevice } from "./pools.ts";

/** Devices by the node that alone can use them, so that a node need not look at those of all others. */
export function devicesByNode(pools: readonly Pool[]): (node: Node) => readonly PooledDevice[] {
  const place = new Map<PooledDevice, number>();
  const local = new Map<string, PooledDevice[]>();
  const others: PooledDevice[] = [];
  for (const device of pools.flatMap((pool) => pool.devices)) {
    place.set(device, place.size);
    const { nodeName } = device.slice.perDeviceNodeSelection ? device.device : device.slice;
    if (!nodeName) others.push(device);
    else if (!local.get(nodeName)?.push(device)) local.set(nodeName, [device]);
  }
  return (node) => {
    const here = local.get(node.metadata.name ?? "") ?? [];
    const shared = others.filter((device) => reaches(device, node));
    if (shared.length === 0) return here;
    return [...here, ...shared].toSorted((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  };
}
