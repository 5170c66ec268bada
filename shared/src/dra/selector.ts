/** Expressions that select devices: `device.attributes["gpu.example.com"].model == "a100"`. */
import type { Device, DeviceAttribute } from "../api/generated/resource-v1.ts";
import { commonEnvironment, compile, type Program } from "../cel/environment.ts";
import type { Environment } from "../cel/library.ts";
import { parseQuantity } from "../cel/quantity.ts";
import { parseSemver } from "../cel/semver.ts";

type Grouped = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

/** A device as an expression sees it. */
class DeviceView {
  readonly driver: string;
  readonly attributes: Grouped;
  readonly capacity: Grouped;
  readonly allowMultipleAllocations: boolean;
  constructor(driver: string, device: Device, domains: readonly string[]) {
    this.driver = driver;
    this.attributes = grouped(driver, device.attributes ?? {}, domains, attributeValue);
    this.capacity = grouped(driver, device.capacity ?? {}, domains, ({ value }) => parseQuantity(value));
    this.allowMultipleAllocations = device.allowMultipleAllocations ?? false;
  }
}

/** By domain, which is the driver's for what has none; a domain that is asked for and has nothing is an empty map. */
function grouped<T>(
  driver: string,
  items: Readonly<Record<string, T>>,
  domains: readonly string[],
  convert: (item: T) => unknown,
): Grouped {
  const groups = new Map([driver, ...domains].map((domain) => [domain, new Map<string, unknown>()]));
  for (const [name, item] of Object.entries(items)) {
    const slash = name.indexOf("/");
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const group = groups.get(domain) ?? new Map<string, unknown>();
    groups.set(domain, group.set(name.slice(slash + 1), convert(item)));
  }
  return groups;
}

function attributeValue({ int, bool, string, version }: DeviceAttribute): unknown {
  if (int !== undefined) return BigInt(int);
  if (version !== undefined) return parseSemver(version);
  return string ?? bool ?? null;
}

let environment: Environment | undefined;

function deviceEnvironment(): Environment {
  if (!environment) {
    environment = commonEnvironment();
    environment.registerType("kubernetes.DRADevice", {
      ctor: DeviceView,
      fields: {
        driver: "string",
        attributes: "map<string, map<string, dyn>>",
        capacity: "map<string, map<string, kubernetes.Quantity>>",
        allowMultipleAllocations: "bool",
      },
    });
    environment.registerVariable("device", "kubernetes.DRADevice");
  }
  return environment;
}

export interface DeviceSelectorProgram {
  /** The type of the result as far as it is known. */
  readonly type: string;
  /** @throws CelRuntimeError, also when the result is neither true nor false */
  matches(driver: string, device: Device): boolean;
}

/** @throws CelCompileError */
export function compileSelector(expression: string): DeviceSelectorProgram {
  const program: Program = compile(deviceEnvironment(), expression);
  // An expression names the domains it looks into as text.
  const domains = [...expression.matchAll(/"([^"\\\n]*)"|'([^'\\\n]*)'/g)].map(([, a, b]) => a ?? b ?? "");
  return {
    type: program.type,
    matches(driver, device) {
      const result = program.run({ device: new DeviceView(driver, device, domains) });
      if (typeof result !== "boolean") throw new Error(`the result is of type ${typeof result}, not bool`);
      return result;
    },
  };
}
