import type { Node, NodeSelector, NodeSelectorTerm } from "@coracle/shared/api/generated/core-v1.ts";
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
} from "@coracle/shared/api/generated/resource-v1.ts";
import type { Demand, Wanted } from "./demands.ts";
import type { PooledDevice } from "./pools.ts";
import { printConsumption, type Consumption } from "./shares.ts";

export interface Chosen {
  readonly demand: Demand;
  readonly device: PooledDevice;
  /** Of a device that others may use too. */
  readonly share?: Consumption | undefined;
}

/** What is written into the claim's status. Pure. */
export function resultOf(
  wanted: Wanted,
  chosen: readonly Chosen[],
  node: Node,
  newId: () => string,
): AllocationResult {
  const config = configOf(wanted, chosen);
  const nodeSelector = nodeSelectorOf(chosen, node);
  return {
    devices: {
      results: chosen.map(({ demand, device, share }) => ({
        request: demand.name,
        driver: device.pool.driver,
        pool: device.pool.name,
        device: device.device.name,
        ...(demand.adminAccess ? { adminAccess: true } : {}),
        ...(share ? { shareID: newId(), consumedCapacity: printConsumption(share, device) } : {}),
        ...(device.device.bindingConditions?.length
          ? {
              bindingConditions: device.device.bindingConditions,
              bindingFailureConditions: device.device.bindingFailureConditions,
            }
          : {}),
        ...(demand.tolerations.length > 0 ? { tolerations: [...demand.tolerations] } : {}),
      })),
      ...(config.length > 0 ? { config } : {}),
    },
    ...(nodeSelector ? { nodeSelector } : {}),
  };
}

/** First what classes say, then what the claim says, which may so override it. */
function configOf({ claim, requests }: Wanted, chosen: readonly Chosen[]): DeviceAllocationConfiguration[] {
  const used = new Set(chosen.map(({ demand }) => demand));
  const demands = requests.flatMap((alternatives) => alternatives.filter((demand) => used.has(demand)));
  const ofClasses = [...Map.groupBy(demands, ({ deviceClass }) => deviceClass)].flatMap(([{ spec }, of]) =>
    (spec.config ?? []).map((c) => ({ source: "FromClass", requests: of.map(({ name }) => name), ...c })),
  );
  const names = new Set(demands.flatMap(({ name }) => [name, name.split("/")[0] ?? ""]));
  const ofClaim = (claim.spec.devices?.config ?? [])
    .filter(({ requests: of = [] }) => of.length === 0 || of.some((name) => names.has(name)))
    .map((c) => ({ source: "FromClaim", ...c }));
  return [...ofClasses, ...ofClaim];
}

/** Where all of the devices can be used; undefined when that is everywhere. */
function nodeSelectorOf(chosen: readonly Chosen[], node: Node): NodeSelector | undefined {
  const matchExpressions: NonNullable<NodeSelectorTerm["matchExpressions"]> = [];
  const matchFields: NonNullable<NodeSelectorTerm["matchFields"]> = [];
  for (const { device } of chosen) {
    const where = device.slice.perDeviceNodeSelection ? device.device : device.slice;
    if (where.nodeName ?? device.device.bindsToNode)
      return {
        nodeSelectorTerms: [
          {
            matchFields: [{ key: "metadata.name", operator: "In", values: [node.metadata.name ?? ""] }],
          },
        ],
      };
    const [term] = where.nodeSelector?.nodeSelectorTerms ?? [];
    addNew(matchExpressions, term?.matchExpressions);
    addNew(matchFields, term?.matchFields);
  }
  if (matchExpressions.length === 0 && matchFields.length === 0) return undefined;
  return {
    nodeSelectorTerms: [
      {
        ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
        ...(matchFields.length > 0 ? { matchFields } : {}),
      },
    ],
  };
}

function addNew<T>(list: T[], more: readonly T[] | undefined): void {
  const known = new Set(list.map((item) => JSON.stringify(item)));
  for (const item of more ?? []) if (!known.has(JSON.stringify(item))) list.push(item);
}
