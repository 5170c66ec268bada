/** Devices in containers (CDI): what a driver's files say is to be changed in a container that uses a device. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

export interface CdiDeviceNode {
  readonly path: string;
  readonly hostPath?: string | undefined;
  readonly permissions?: string | undefined;
}
export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly options?: readonly string[] | undefined;
}
export interface ContainerEdits {
  readonly env?: readonly string[] | undefined;
  readonly deviceNodes?: readonly CdiDeviceNode[] | undefined;
  readonly mounts?: readonly CdiMount[] | undefined;
  readonly hooks?: readonly unknown[] | undefined;
  readonly additionalGids?: readonly number[] | undefined;
}
interface CdiSpec {
  readonly kind?: string | undefined;
  readonly containerEdits?: ContainerEdits | undefined;
  readonly devices?:
    | readonly { readonly name: string; readonly containerEdits?: ContainerEdits }[]
    | undefined;
}

/** Where specs are, on the node; what is in a later directory goes before. */
export const cdiDirectories = ["/etc/cdi", "/var/run/cdi"];

/** A path of the node as this process sees it, its links followed as on the node. */
type Place = (path: string) => Promise<string>;

/** @throws Error when a device is not to be found */
export async function editsFor(
  ids: readonly string[],
  directories: readonly string[],
  place: Place,
): Promise<ContainerEdits[]> {
  if (ids.length === 0) return [];
  const specs = (await Promise.all(directories.toReversed().map((d) => specsIn(d, place)))).flat();
  const edits: ContainerEdits[] = [];
  const whole = new Set<CdiSpec>();
  const missing: string[] = [];
  for (const id of new Set(ids)) {
    const [kind, name] = id.split("=");
    const spec = specs.find((s) => s.kind === kind && s.devices?.some((d) => d.name === name));
    const device = spec?.devices?.find((d) => d.name === name);
    if (!spec || !device) {
      missing.push(id);
      continue;
    }
    // What holds for all of a spec's devices is done once.
    if (spec.containerEdits && !whole.has(spec)) edits.push(spec.containerEdits);
    whole.add(spec);
    if (device.containerEdits) edits.push(device.containerEdits);
  }
  if (missing.length > 0)
    throw new Error(`CDI device injection failed: unresolvable CDI devices ${missing.join(", ")}`);
  if (edits.some((e) => e.hooks?.length))
    throw new Error("CDI device injection failed: hooks are not supported by the runtime");
  return edits;
}

async function specsIn(directory: string, place: Place): Promise<CdiSpec[]> {
  const names = await readdir(await place(directory)).catch(() => []);
  const read = async (name: string): Promise<CdiSpec[]> => {
    try {
      const path = await place(join(directory, name));
      // A pipe under such a name would be waited for, for ever.
      if (!(await stat(path)).isFile()) return [];
      // JSON is YAML.
      const spec: unknown = parse(await readFile(path, "utf8"));
      return isSpec(spec) ? [spec] : [];
    } catch {
      // Somebody's broken file is nobody else's problem.
      return [];
    }
  };
  const files = names.filter((name) => /\.(json|ya?ml)$/.test(name)).toSorted();
  return (await Promise.all(files.map(read))).flat();
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** As far as others' devices would suffer if it were not. */
const isSpec = (value: unknown): value is CdiSpec =>
  isObject(value) &&
  (value["devices"] === undefined || (Array.isArray(value["devices"]) && value["devices"].every(isObject)));
