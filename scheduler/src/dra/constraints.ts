import type { DeviceAttribute, DeviceConstraint } from "@coracle/shared/api/generated/resource-v1.ts";
import type { PooledDevice } from "./pools.ts";

/** What the devices of a claim must have in common, or must not. */
export interface Constraint {
  /** Takes the device in, unless it breaks the rule. @returns how to take it out again */
  add(request: string, device: PooledDevice): (() => void) | undefined;
}

/** Attributes of a driver's own domain may be written without it. */
function attributeOf({ device, pool }: PooledDevice, name: string): DeviceAttribute | undefined {
  const [domain = "", id = ""] = name.split("/");
  return device.attributes?.[name] ?? (domain === pool.driver ? device.attributes?.[id] : undefined);
}

const valueOf = (attribute: DeviceAttribute): string =>
  JSON.stringify([attribute.int, attribute.bool, attribute.string, attribute.version]);

/** A request that is named stands for its alternatives too. */
const concerns = (requests: readonly string[], request: string): boolean =>
  requests.length === 0 || requests.includes(request) || requests.includes(request.split("/")[0] ?? "");

const nothing = (): void => undefined;

export function constraintOf(constraint: DeviceConstraint): Constraint {
  const { requests = [], matchAttribute, distinctAttribute } = constraint;
  const name = matchAttribute ?? distinctAttribute ?? "";
  const values: string[] = [];
  return {
    add(request, device) {
      if (!concerns(requests, request)) return nothing;
      const attribute = attributeOf(device, name);
      if (!attribute) return undefined;
      const value = valueOf(attribute);
      const breaks =
        matchAttribute !== undefined ? values.length > 0 && values[0] !== value : values.includes(value);
      if (breaks) return undefined;
      values.push(value);
      return () => void values.pop();
    },
  };
}
