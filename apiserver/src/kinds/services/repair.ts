import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { IPAddress } from "@coracle/shared/api/generated/networking-v1.ts";
import { StoreError } from "../../store/store.ts";
import type { WriteContext } from "../../registry/kind.ts";
import type { WatchCache } from "../../watch/types.ts";
import {
  ipAddressResource,
  isAbandoned,
  nodePortResource,
  remove,
  reservationsOf,
  reserve,
} from "./reservations.ts";
import { serviceCIDRResource } from "./ranges.ts";

/** What the repair works on: the registry's store and cache. */
export type RepairAccess = Pick<WriteContext, "store" | "all" | "lookup" | "now">;

const managedBy = "ipaddress.kubernetes.io/managed-by";
const hour = 3_600_000;

/**
 * Makes reservations and Services agree: one that an API server left behind when it was killed in the middle of a write is removed,
 * and one that is missing (after a restore) is made. Safe to run on several API servers at once.
 */
export async function repairReservations(access: RepairAccess): Promise<void> {
  for (const { object } of access.all("services")) {
    const service = object as unknown as Service;
    const owner = { namespace: service.metadata.namespace ?? "", name: service.metadata.name ?? "" };
    for (const { what, name } of reservationsOf(service.spec)) {
      const resource = what === "address" ? ipAddressResource : nodePortResource;
      if (!access.lookup(resource, "", name)) await reserve(what, name, owner, access);
    }
  }
  for (const resource of [ipAddressResource, nodePortResource])
    for (const { key, object } of access.all(resource)) {
      if (resource === ipAddressResource && !object.metadata.labels?.[managedBy]) continue;
      const stored = await access.store.get(key);
      if (stored && (await isAbandoned(stored, access))) await remove(stored, access);
    }
}

/** An address that somebody deletes while its Service has it is taken again at once: no other Service may get it. */
export function keepAddresses(
  access: RepairAccess,
  options: {
    cache: Pick<WatchCache, "onChange">;
    signal: AbortSignal;
    onError: (error: unknown) => void;
  },
): void {
  const stop = options.cache.onChange(({ type, current }) => {
    const { key } = current;
    // Other objects are not looked into: that would parse every one that is written.
    if (type !== "DELETED" || key.resource !== ipAddressResource) return;
    const parent = (current.object as IPAddress).spec?.parentRef;
    const [namespace, name] = [parent?.namespace ?? "", parent?.name ?? ""];
    const service = access.lookup("services", namespace, name)?.object as Service | undefined;
    if (reservationsOf(service?.spec).some((item) => item.what === "address" && item.name === key.name))
      reserve("address", key.name, { namespace, name }, access).catch(options.onError);
  });
  options.signal.addEventListener("abort", stop, { once: true });
}

/** The ServiceCIDR `kubernetes` says which range the cluster was started with. */
export async function ensureServiceCIDR(
  access: Pick<WriteContext, "store" | "now">,
  cidr: string,
): Promise<void> {
  const now = access
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z");
  const object = {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name: "kubernetes", uid: randomUUID(), generation: 1, creationTimestamp: now },
    spec: { cidrs: [cidr] },
    status: {
      conditions: [
        {
          type: "Ready",
          status: "True",
          lastTransitionTime: now,
          reason: "",
          message: "Kubernetes default Service CIDR is ready",
        },
      ],
    },
  };
  try {
    await access.store.create(
      { resource: serviceCIDRResource, namespace: "", name: "kubernetes" },
      JSON.stringify(object),
    );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

/** Repairs at start and, since a replica may die without coming back, once an hour until `signal` aborts. */
export async function runServiceRepair(
  access: RepairAccess,
  options: { cidr: string; signal: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  while (!options.signal.aborted) {
    try {
      await ensureServiceCIDR(access, options.cidr);
      await repairReservations(access);
    } catch (error) {
      options.onError(error);
    }
    await sleep(hour, undefined, { signal: options.signal, ref: false }).catch(() => undefined);
  }
}
