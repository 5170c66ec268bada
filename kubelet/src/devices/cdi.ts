/** Devices in containers (CDI): what a driver's files say is to be changed in a container that uses a device. */
import { readdir, readFile } from "node:fs/promises";
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

/** @param directories as this process sees them. @throws Error when a device is not to be found */
export async function editsFor(
  ids: readonly string[],
  directories: readonly string[],
): Promise<ContainerEdits[]> {
  if (ids.length === 0) return [];
  const specs = (await Promise.all(directories.toReversed().map(specsIn))).flat();
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

async function specsIn(directory: string): Promise<CdiSpec[]> {
  const names = await readdir(directory).catch(() => []);
  const read = async (name: string): Promise<CdiSpec[]> => {
    try {
      // JSON is YAML.
      const spec = parse(await readFile(join(directory, name), "utf8")) as CdiSpec | null;
      return spec && typeof spec === "object" ? [spec] : [];
    } catch {
      // Somebody's broken file is nobody else's problem.
      return [];
    }
  };
  const files = names.filter((name) => /\.(json|ya?ml)$/.test(name)).toSorted();
  return (await Promise.all(files.map(read))).flat();
}
