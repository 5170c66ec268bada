import type { Container } from "@coracle/shared/api/generated/core-v1.ts";
import { stat } from "node:fs/promises";
import type { PodRun } from "../pod.ts";
import type { ContainerDevice, Mount } from "../runtime/runtime.ts";
import { nodePath } from "../volumes/host-path.ts";
import { cdiDirectories, editsFor, type CdiDeviceNode, type ContainerEdits } from "./cdi.ts";

/** What a container's devices change in it. */
export interface DeviceEdits {
  readonly env: readonly string[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly ContainerDevice[];
  readonly groups: readonly string[];
}

/** @throws Error when a device is not described on the node */
export async function deviceEdits(run: PodRun, container: Container): Promise<DeviceEdits> {
  const { ctx, pod } = run;
  const ids = ctx.devices.cdiIds(pod, container);
  const place = (path: string) => nodePath({ storage: (p) => ctx.storage.host(p) }, path);
  const edits = await editsFor(ids, cdiDirectories, async (path) => (await place(path)).here);
  const all = <T>(part: (e: ContainerEdits) => readonly T[] | undefined): T[] =>
    edits.flatMap((e) => part(e) ?? []);
  return {
    env: all((e) => e.env),
    mounts: await Promise.all(
      all((e) => e.mounts).map(async ({ hostPath, containerPath, options = [] }): Promise<Mount> => {
        const { engine } = await place(hostPath);
        return { type: "bind", source: engine, target: containerPath, readOnly: options.includes("ro") };
      }),
    ),
    devices: withLast(await Promise.all(all((e) => e.deviceNodes).map((node) => deviceOf(node, place)))),
    groups: [...new Set(all((e) => e.additionalGids).map(String))],
  };
}

/** Of several at one place the last counts, as in CDI. */
export const withLast = <T extends { readonly target: string }>(items: readonly T[]): T[] => [
  ...new Map(items.map((item) => [item.target, item])).values(),
];

/**
 * A device is the node's own where it has one of that path, else the machine's: one of them, not all that a directory has, which is what
 * the engine would make of that.
 */
export async function deviceOf(
  { path, hostPath = path, permissions = "rwm" }: CdiDeviceNode,
  place: (path: string) => Promise<{ readonly here: string; readonly engine: string }>,
): Promise<ContainerDevice> {
  const own = await place(hostPath);
  const found = await stat(own.here).catch(() => undefined);
  if (found?.isCharacterDevice() || found?.isBlockDevice())
    return { source: own.engine, target: path, permissions };
  if (!/^\/dev(\/(?!\.\.?(\/|$))[^/]+)+$/.test(hostPath))
    throw new Error(`CDI device injection failed: ${hostPath} is no device`);
  return { source: hostPath, target: path, permissions };
}
