import { randomUUID } from "node:crypto";
import type { Service, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import type { IPAddress } from "@coracle/shared/api/generated/networking-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { StoreError, type ObjectKey, type StoredObject } from "../../store/store.ts";
import { canonicalAddress, familyOf } from "../shared/net.ts";
import { isHeadless, needsClusterIP, needsHealthCheckNodePort, needsNodePort } from "./defaults.ts";

/**
 * A reservation is an object whose name is what is reserved. The store creates it only if it does not exist, so two API servers
 * cannot give the same address or port away.
 */
export interface Owner {
  readonly namespace: string;
  readonly name: string;
}

export const ipAddressResource = "ipaddresses.networking.k8s.io";
/** Node ports have no kind of their own in Kubernetes: these objects are not served. */
export const nodePortResource = "servicenodeports.internal.coracle.io";

export type Reserved = "address" | "nodePort";
export interface Item {
  readonly what: Reserved;
  readonly name: string;
}
type Access = Pick<WriteContext, "store" | "now">;

export const reservationKey = (what: Reserved, name: string): ObjectKey => ({
  resource: what === "address" ? ipAddressResource : nodePortResource,
  namespace: "",
  name,
});

/** @returns false when somebody else has it */
export async function reserve(what: Reserved, name: string, owner: Owner, ctx: Access): Promise<boolean> {
  try {
    await ctx.store.create(
      reservationKey(what, name),
      JSON.stringify(reservationObject(what, name, owner, ctx.now())),
    );
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.code === "exists") return false;
    throw error;
  }
}

/** Gives back what `owner` holds; what somebody else holds is left alone. */
export async function unreserve(what: Reserved, name: string, owner: Owner, ctx: Access): Promise<void> {
  const key = reservationKey(what, name);
  const stored = await ctx.store.get(key);
  if (!stored || !holds(ownerOf(stored), owner)) return;
  await remove(stored, ctx);
}

/** Removes a reservation unless it has changed since it was read. */
export async function remove(stored: StoredObject, ctx: Pick<Access, "store">): Promise<void> {
  try {
    await ctx.store.delete(stored.key, stored.body, stored.revision);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

const holds = (a: Owner | undefined, b: Owner): boolean => a?.namespace === b.namespace && a.name === b.name;

export function ownerOf(stored: Pick<StoredObject, "body">): Owner | undefined {
  const { spec } = JSON.parse(stored.body) as Partial<IPAddress>;
  const parent = spec?.parentRef;
  return parent ? { namespace: parent.namespace ?? "", name: parent.name } : undefined;
}

function reservationObject(what: Reserved, name: string, owner: Owner, now: Date): KubeObject {
  const metadata = {
    name,
    uid: randomUUID(),
    creationTimestamp: now.toISOString().replace(/\.\d+Z$/, "Z"),
    ...(what === "address" ? { labels: addressLabels(name) } : {}),
  };
  const spec = {
    parentRef: { resource: "services", namespace: owner.namespace, name: owner.name },
  };
  return what === "address"
    ? { apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata, spec }
    : { apiVersion: "internal.coracle.io/v1", kind: "ServiceNodePort", metadata, spec };
}

const addressLabels = (address: string): Record<string, string> => ({
  "ipaddress.kubernetes.io/ip-family": familyOf(address) ?? "",
  "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
});

/** Everything a Service holds. */
export function reservationsOf(spec: ServiceSpec | undefined): Item[] {
  const items: Item[] = [];
  if (needsClusterIP(spec) && !isHeadless(spec))
    for (const ip of spec?.clusterIPs ?? [])
      if (familyOf(ip)) items.push({ what: "address", name: canonicalAddress(ip) });
  const ports = new Set((needsNodePort(spec) ? (spec?.ports ?? []) : []).flatMap((p) => p.nodePort || []));
  if (needsHealthCheckNodePort(spec) && spec?.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  for (const port of ports) items.push({ what: "nodePort", name: String(port) });
  return items;
}

/** A write that takes longer than this has failed. */
const graceMilliseconds = 60_000;

/** Left behind by an API server that ended in the middle of a write: nobody uses it, and it is not new. */
export async function isAbandoned(stored: StoredObject, ctx: Access): Promise<boolean> {
  const created = (JSON.parse(stored.body) as KubeObject).metadata.creationTimestamp;
  if (!created || ctx.now().getTime() - Date.parse(created) < graceMilliseconds) return false;
  const owner = ownerOf(stored);
  if (!owner) return false;
  const found = await ctx.store.get({ resource: "services", ...owner });
  if (!found) return true;
  const what: Reserved = stored.key.resource === ipAddressResource ? "address" : "nodePort";
  const { spec } = JSON.parse(found.body) as Service;
  return !reservationsOf(spec).some((item) => item.what === what && item.name === stored.key.name);
}
