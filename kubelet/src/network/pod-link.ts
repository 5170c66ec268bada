/** A pod's cable: one end in its sandbox as eth0, the other on the node's bridge. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ipBatch } from "./command.ts";

export const BRIDGE = "coracle0";
const PREFIX = "veth";

/** The node's end. Interface names have at most 15 characters. */
export const linkName = (uid: string): string =>
  `${PREFIX}${createHash("sha1").update(uid).digest("hex").slice(0, 11)}`;
export const isPodLink = (name: string): boolean => /^veth[0-9a-f]{11}$/.test(name);

export interface PodLink {
  readonly uid: string;
  /** A process in the sandbox's network namespace. */
  readonly pid: number;
  readonly address: string;
  readonly gateway: string;
  readonly mtu: number;
}

/** Derived from the address, so that a re-plumbed pod keeps the neighbours it is known to. */
const macOf = (address: string): string =>
  ["02", "42", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");

/**
 * Connects a sandbox. Its address is a /32 whose only neighbour is the node: what pods of one node send each other is routed, and
 * so passes the node's rules in both directions.
 */
export async function plugPod(link: PodLink): Promise<void> {
  const name = linkName(link.uid);
  await ipBatch([
    `link add ${name} mtu ${link.mtu} type veth peer name eth0 address ${macOf(link.address)} mtu ${link.mtu} netns ${link.pid}`,
    `link set ${name} master ${BRIDGE} up`,
  ]);
  await ipBatch(
    [
      "link set lo up",
      `addr add ${link.address}/32 dev eth0`,
      "link set eth0 up",
      `route add ${link.gateway}/32 dev eth0 scope link`,
      `route add default via ${link.gateway} dev eth0`,
    ],
    link.pid,
  );
}

/** Whether a sandbox was plugged in to the end: its default route is the last thing it gets. */
export async function isWired(pid: number): Promise<boolean> {
  const routes = await readFile(`/proc/${pid}/net/route`, "utf8").catch(() => "");
  return routes.split("\n").some((line) => line.startsWith("eth0\t00000000\t"));
}

/** Removes what a former life of the kubelet left in the sandbox. */
export async function unplugSandbox(pid: number): Promise<void> {
  await ipBatch(["link del eth0"], pid).catch(() => undefined);
}

/** Removes the node's end, and with it the pod's. No error when it is gone. */
export async function unplugPod(name: string): Promise<void> {
  await ipBatch([`link del ${name}`]).catch((error: unknown) => {
    if (!/Cannot find device/.test(String(error))) throw error;
  });
}
