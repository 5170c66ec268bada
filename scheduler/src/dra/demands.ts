import type {
  DeviceClass,
  DeviceRequest,
  DeviceSelector,
  DeviceToleration,
  ResourceClaim,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { parseQuantity } from "@coracle/shared/cel/quantity.ts";
import { compileSelector, type DeviceSelectorProgram } from "@coracle/shared/dra/selector.ts";
import { isTolerated } from "@coracle/shared/scheduling/taints.ts";
import type { PooledDevice } from "./pools.ts";

/** One way to satisfy a request: the request itself, or one of its alternatives. */
export interface Demand {
  /** `request` or `request/subrequest`, as results name it. */
  readonly name: string;
  readonly deviceClass: DeviceClass;
  readonly selectors: readonly DeviceSelector[];
  /** undefined: all there are. */
  readonly count: number | undefined;
  readonly adminAccess: boolean;
  readonly tolerations: readonly DeviceToleration[];
  readonly capacity: Readonly<Record<string, string>>;
}

/** A claim's requests, each with its alternatives, the preferred one first. */
export interface Wanted {
  readonly claim: ResourceClaim;
  readonly requests: readonly (readonly Demand[])[];
}

/** @throws Error in upstream's words when a class is missing */
export function wantedOf(claim: ResourceClaim, classOf: (name: string) => DeviceClass | undefined): Wanted {
  const requests = (claim.spec.devices?.requests ?? []).map((request) => demandsOf(request, classOf));
  return { claim, requests };
}

function demandsOf(request: DeviceRequest, classOf: (name: string) => DeviceClass | undefined): Demand[] {
  const { name, exactly, firstAvailable = [] } = request;
  const alternatives = exactly
    ? [{ ...exactly, name }]
    : firstAvailable.map((sub) => ({ ...sub, name: `${name}/${sub.name}`, adminAccess: false }));
  if (alternatives.length === 0) throw new Error(`request ${name}: unsupported request type`);
  return alternatives.map((a) => {
    const deviceClass = classOf(a.deviceClassName);
    if (!deviceClass) throw new Error(`request ${a.name}: device class ${a.deviceClassName} does not exist`);
    return {
      name: a.name,
      deviceClass,
      selectors: [...(deviceClass.spec.selectors ?? []), ...(a.selectors ?? [])],
      count: a.allocationMode === "All" ? undefined : (a.count ?? 1),
      adminAccess: a.adminAccess ?? false,
      tolerations: a.tolerations ?? [],
      capacity: a.capacity?.requests ?? {},
    };
  });
}

const programs = new Map<string, DeviceSelectorProgram>();
/** Distinct expressions that are kept compiled. */
const maxPrograms = 1_000;

function programOf(expression: string): DeviceSelectorProgram {
  const known = programs.get(expression);
  if (known) return known;
  if (programs.size >= maxPrograms) programs.clear();
  const program = compileSelector(expression);
  programs.set(expression, program);
  return program;
}

/**
 * Whether the device is what is asked for, whoever has it now.
 * @throws Error when an expression fails on it, which ends the allocation
 */
export function suits(demand: Demand, pooled: PooledDevice): boolean {
  const { device, pool } = pooled;
  for (const { cel } of demand.selectors) {
    if (!cel) return false;
    try {
      if (!programOf(cel.expression).matches(pool.driver, device)) return false;
    } catch (error) {
      throw new Error(
        `request ${demand.name}: device ${pooled.id}: selector runtime error: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    }
  }
  return tolerated(demand, pooled) && hasCapacity(demand, pooled);
}

const keepsAway = new Set(["NoSchedule", "NoExecute"]);

const tolerated = (demand: Demand, { device }: PooledDevice): boolean =>
  (device.taints ?? []).every(
    (taint) => !keepsAway.has(taint.effect) || isTolerated(taint, demand.tolerations),
  );

function hasCapacity(demand: Demand, { device, pool }: PooledDevice): boolean {
  return Object.entries(demand.capacity).every(([name, wanted]) => {
    const own = name.startsWith(`${pool.driver}/`) ? name.slice(pool.driver.length + 1) : name;
    const has =
      device.capacity?.[name] ?? device.capacity?.[own] ?? device.capacity?.[`${pool.driver}/${name}`];
    return has !== undefined && parseQuantity(has.value).nanos >= parseQuantity(wanted).nanos;
  });
}
