/** What the machine is, as the Node object tells it. */
import { randomUUID } from "node:crypto";
import { readFile, statfs, writeFile } from "node:fs/promises";
import { availableParallelism, arch, networkInterfaces, release } from "node:os";
import { join } from "node:path";
import type { NodeSystemInfo } from "@coracle/shared/api/generated/core-v1.ts";
import { cidrContains, parseCidr } from "../network/cidr.ts";
import type { RuntimeInfo } from "../runtime/runtime.ts";

export interface MachineFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly nodeInfo: NodeSystemInfo;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
export const goArch = (): string => architectures[arch()] ?? arch();

const readText = (file: string): Promise<string> =>
  readFile(file, "utf8").then(
    (text) => text.trim(),
    () => "",
  );

/** Of the node, not of the machine that several nodes share: made once, and kept with the node's files (machine-id(5)). */
async function machineId(file: string): Promise<string> {
  const known = await readText(file);
  if (/^[0-9a-f]{32}$/.test(known)) return known;
  const made = randomUUID().replaceAll("-", "");
  await writeFile(file, `${made}\n`);
  return made;
}

/** @param data the node's own directory: its file system is the node's storage */
export async function readMachine(
  runtime: RuntimeInfo,
  data: string,
  version: string,
): Promise<MachineFacts> {
  const [memory, disk, machineID, bootID] = await Promise.all([
    readFile("/proc/meminfo", "utf8"),
    statfs(data),
    machineId(join(data, "machine-id")),
    readText("/proc/sys/kernel/random/boot_id"),
  ]);
  return {
    cpus: availableParallelism(),
    memoryBytes: Number(/^MemTotal:\s+(\d+) kB/m.exec(memory)?.[1] ?? 0) * 1024,
    storageBytes: disk.blocks * disk.bsize,
    nodeInfo: {
      machineID,
      systemUUID: machineID.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
      bootID,
      kernelVersion: release(),
      osImage: runtime.osImage,
      containerRuntimeVersion: `${runtime.name}://${runtime.version}`,
      kubeletVersion: version,
      // Required by the type, and empty as upstream's since 1.33: a kubelet knows nothing of the proxy.
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: goArch(),
    },
  };
}

export interface Uplink {
  readonly name: string;
  readonly address: string;
}

/** The interface on the nodes' network; outside of one, the first that is not loopback. */
export function findUplink(nodesSubnet: string): Uplink | undefined {
  const subnet = parseCidr(nodesSubnet);
  const all = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).filter((a) => a.family === "IPv4" && !a.internal).map(({ address }) => ({ name, address })),
  );
  return all.find(({ address }) => cidrContains(subnet, address)) ?? all[0];
}
