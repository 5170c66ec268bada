import { networkInterfaces } from "node:os";
import type { Endpoints, Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import type { Lease } from "@coracle/shared/api/generated/coordination-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { parseCIDR, rangeContains } from "../../kinds/shared/net.ts";
import { deleteObject } from "../delete-object.ts";
import type { Registry } from "../registry.ts";
import { updateObject } from "../update-object.ts";
import { apiserverUser, ensure, servedFor } from "./ensure.ts";
import { ensureSystemNamespaces } from "./namespaces.ts";

/** The address of the Service `kubernetes`, the first of the service range. */
export interface KubernetesService {
  readonly registry: Registry;
  readonly clusterIP: string;
  /** Where this API server can be reached from nodes and pods. */
  readonly address: string;
  readonly port: number;
  readonly log: Logger;
}

const leaseSeconds = 15;
/** As upstream, like the duration above. */
const renewMs = 10_000;
const forgetMs = 3_600_000;
const leaseNamespace = "kube-system";
const leaseLabel = "coracle.io/apiserver-address";
const portName = "https";

/** This machine's address inside a network; the first one at all when none is inside. */
export function ownAddress(subnet: string): string {
  const range = parseCIDR(subnet);
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((a) => a.family === "IPv4")
    .map((a) => a.address);
  const inside = addresses.find((a) => range !== undefined && rangeContains(range, a));
  return inside ?? addresses.find((a) => a !== "127.0.0.1") ?? "127.0.0.1";
}

/**
 * Keeps the Service `kubernetes` and its endpoints: every API server holds a Lease with its address, and each writes the
 * addresses whose leases are fresh. A server that stops takes its own away; one that is killed disappears with its lease. The
 * namespaces these live in are looked after too.
 */
export async function keepKubernetesService(service: KubernetesService, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await ensureSystemNamespaces(service.registry);
      await ensure(service.registry, serviceObject(service));
      await renew(service);
      await publish(service);
      await forgetDead(service);
    } catch (error) {
      service.log.warn({ err: error }, "the endpoints of the API could not be kept");
    }
    await pause(renewMs, signal);
  }
  await withdraw(service).catch((error: unknown) => {
    service.log.warn({ err: error }, "the endpoint of this API server could not be taken away");
  });
}

const labels = { component: "apiserver", provider: "kubernetes" };

const serviceObject = ({ clusterIP, port }: KubernetesService): KubeObject => {
  const object: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kubernetes", namespace: "default", labels },
    spec: {
      type: "ClusterIP",
      clusterIP,
      clusterIPs: [clusterIP],
      sessionAffinity: "None",
      ports: [{ name: portName, port: 443, protocol: "TCP", targetPort: port }],
    },
  };
  return object;
};

const leaseName = ({ address }: KubernetesService): string => `apiserver-${address.replaceAll(/[.:]/g, "-")}`;

const write = { user: apiserverUser, dryRun: false, warn: () => undefined, fieldManager: "kube-apiserver" };

/** Writes an object as it should be, whether or not it exists. */
async function put(registry: Registry, object: KubeObject): Promise<void> {
  const { name = "", namespace = "" } = object.metadata;
  const request = {
    ...write,
    served: servedFor(registry, object),
    namespace,
    name,
    subresource: "",
    retry: true,
  };
  try {
    await updateObject(registry, { ...request, change: () => structuredClone(object) });
  } catch (error) {
    if (isNotFound(error)) await ensure(registry, object);
    else if (!isConflict(error)) throw error;
  }
}

function renew(service: KubernetesService): Promise<void> {
  const lease: Lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: leaseName(service),
      namespace: leaseNamespace,
      labels: { [leaseLabel]: service.address, "apiserver.kubernetes.io/identity": "kube-apiserver" },
    },
    spec: {
      holderIdentity: service.address,
      leaseDurationSeconds: leaseSeconds,
      renewTime: service.registry.now().toISOString().replace("Z", "000Z"),
    },
  };
  return put(service.registry, lease);
}

interface Holder {
  readonly lease: string;
  readonly address: string;
  readonly until: number;
}

/** The API servers that hold or held a lease. */
function holders({ registry }: KubernetesService): Holder[] {
  const { items } = registry.cache.list("leases.coordination.k8s.io", { namespace: leaseNamespace });
  return items.flatMap(({ key, object }) => {
    const { metadata, spec } = object as Lease;
    const address = metadata.labels?.[leaseLabel];
    if (!address) return [];
    return [{ lease: key.name, address, until: Date.parse(spec?.renewTime ?? "") + leaseSeconds * 1000 }];
  });
}

/** Addresses of API servers whose leases have not run out. */
function liveAddresses(service: KubernetesService): string[] {
  const now = service.registry.now().getTime();
  const live = holders(service).filter((holder) => holder.until > now);
  return [...new Set([service.address, ...live.map((holder) => holder.address)])].toSorted();
}

/** Removes the leases of servers that were killed and have not come back. */
async function forgetDead(service: KubernetesService): Promise<void> {
  const now = service.registry.now().getTime();
  for (const { lease, until } of holders(service)) {
    if (!(until + forgetMs > now)) await removeLease(service.registry, lease);
  }
}

async function removeLease(registry: Registry, name: string): Promise<void> {
  const served = registry.resources.findKind("coordination.k8s.io", "v1", "Lease");
  if (!served) return;
  try {
    await deleteObject(registry, { ...write, served, namespace: leaseNamespace, name, deletion: atOnce });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

const atOnce = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagation: undefined,
  uid: undefined,
  resourceVersion: undefined,
};

async function publish(service: KubernetesService): Promise<void> {
  await publishAddresses(service, liveAddresses(service));
}

async function publishAddresses(
  { registry, port }: KubernetesService,
  addresses: readonly string[],
): Promise<void> {
  const metadata = { name: "kubernetes", namespace: "default" };
  const endpoints: Endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { ...metadata, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    ...(addresses.length > 0
      ? {
          subsets: [
            {
              addresses: addresses.map((ip) => ({ ip })),
              ports: [{ name: portName, port, protocol: "TCP" }],
            },
          ],
        }
      : {}),
  };
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: portName, port, protocol: "TCP" }],
  };
  await put(registry, endpoints);
  await put(registry, slice);
}

/** Takes this server out, for a stop. */
async function withdraw(service: KubernetesService): Promise<void> {
  const { registry, address } = service;
  const others = liveAddresses(service).filter((other) => other !== address);
  // The last one leaves its address: the Service keeps its endpoint through a restart.
  if (others.length > 0) await publishAddresses(service, others);
  await removeLease(registry, leaseName(service));
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
