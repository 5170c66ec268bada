import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
  Pod,
  Service,
} from "@coracle/shared/api/generated/core-v1.ts";
import { endpoints, pods, services } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { selectorFromMap } from "@coracle/shared/meta/labels.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { isPodReady } from "@coracle/shared/meta/pods.ts";
import { canonicalJson, semanticEqual } from "../canonical.ts";
import { indexByNamespace, inNamespace } from "../ownership/index-by.ts";
import { messageOf, namespaceTerminating } from "../pods/control.ts";
import { hostnameBelow, isBackend, isHeadless, portsIn } from "./endpointslice/backends.ts";
import { hasSelector } from "./endpointslice/endpointslice.ts";
import { HEADLESS, TRIGGER_TIME } from "./endpointslice/slices.ts";
import { triggerTime } from "./endpointslice/trigger-time.ts";
import { servicesOfPod } from "./services-of-pod.ts";

const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
const MAX_ADDRESSES = 1000;

/** Keeps the Endpoints object of every Service with a selector, for clients that do not know EndpointSlices. */
export const endpointsController = (): Controller =>
  defineController({
    name: "endpoints",
    for: services,
    watches: [
      { resource: pods, keys: servicesOfPod },
      { resource: endpoints, keys: (object) => [keyOf(object)] },
    ],
    setup(ctx) {
      indexByNamespace(ctx.informers.for(pods));
      indexByNamespace(ctx.informers.for(services));
      ctx.informers.for(endpoints);
    },
    async reconcile(key, ctx): Promise<Result> {
      const service = ctx.informers.for(services).get(key);
      const existing = ctx.informers.for(endpoints).get(key);
      if (!service) return existing ? removeOurs(ctx, existing) : undefined;
      if (service.spec?.type === "ExternalName" || !hasSelector(service)) return;
      if (service.metadata.deletionTimestamp !== undefined) return;
      await write(ctx, service, existing);
    },
  });

/** The Service is gone; an Endpoints object somebody else keeps under its name is not ours to delete. */
async function removeOurs(ctx: ControllerContext, existing: Endpoints): Promise<void> {
  if (existing.metadata.labels?.[MANAGED_BY] === undefined) return;
  const { name = "", namespace, uid } = existing.metadata;
  await ctx.client
    .delete(endpoints, { name, namespace }, { signal: ctx.signal, preconditions: { uid } })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}

async function write(
  ctx: ControllerContext,
  service: Service,
  existing: Endpoints | undefined,
): Promise<void> {
  const selector = selectorFromMap(service.spec?.selector);
  const backends = inNamespace(ctx.informers.for(pods), service.metadata.namespace).filter(
    (pod) =>
      selector.matches(pod.metadata.labels) &&
      isBackend(pod, Boolean(service.spec?.publishNotReadyAddresses)),
  );
  const all = subsetsOf(service, backends);
  const { subsets, truncated } = truncate(all, MAX_ADDRESSES);
  const { [HEADLESS]: _headless, ...labels } = service.metadata.labels ?? {};
  const wantedLabels = {
    ...labels,
    ...(isHeadless(service) ? { [HEADLESS]: "" } : {}),
    [MANAGED_BY]: "endpoint-controller",
  };
  const sameCapacity = (existing?.metadata.annotations?.[OVER_CAPACITY] !== undefined) === truncated;
  if (
    existing &&
    sameCapacity &&
    semanticEqual(existing.subsets ?? [], subsets) &&
    semanticEqual(existing.metadata.labels, wantedLabels)
  )
    return;
  const {
    [OVER_CAPACITY]: _over,
    [TRIGGER_TIME]: _time,
    ...annotations
  } = existing?.metadata.annotations ?? {};
  const object: Endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      ...(existing?.metadata ?? { name: service.metadata.name, namespace: service.metadata.namespace }),
      labels: wantedLabels,
      annotations: {
        ...annotations,
        ...triggerTime(service, backends),
        ...(truncated ? { [OVER_CAPACITY]: "truncated" } : {}),
      },
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  };
  try {
    if (existing) await ctx.client.update(endpoints, object, { signal: ctx.signal });
    else await ctx.client.create(endpoints, object, { signal: ctx.signal });
  } catch (error) {
    if (namespaceTerminating(error)) return;
    const what = existing ? "update" : "create";
    ctx.events.record(
      existing ?? object,
      "Warning",
      existing ? "FailedToUpdateEndpoint" : "FailedToCreateEndpoint",
      `Failed to ${what} endpoint ${service.metadata.namespace}/${service.metadata.name}: ${messageOf(error)}`,
    );
    throw error;
  }
}

/** The subsets in canonical form: one for each list of ports, addresses in order. Pure. */
export function subsetsOf(service: Service, backends: readonly Pod[]): EndpointSubset[] {
  const portless = (service.spec?.ports ?? []).length === 0;
  const groups = new Map<
    string,
    { ports: EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }
  >();
  for (const pod of backends) {
    const ports = portsIn(pod, service).flatMap(({ name, port, protocol, appProtocol }) =>
      port === undefined
        ? []
        : [{ ...(name ? { name } : {}), port, protocol, ...(appProtocol ? { appProtocol } : {}) }],
    );
    if (ports.length === 0 && !portless) continue;
    const sorted = ports.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
    const key = canonicalJson(sorted);
    const group = groups.get(key) ?? { ports: sorted, ready: [], notReady: [] };
    groups.set(key, group);
    const ready = Boolean(service.spec?.publishNotReadyAddresses) || isPodReady(pod);
    (ready ? group.ready : group.notReady).push(addressOf(pod, service));
  }
  return [...groups.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready.toSorted(byAddress) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.toSorted(byAddress) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }));
}

const byAddress = (a: EndpointAddress, b: EndpointAddress): number =>
  a.ip < b.ip || (a.ip === b.ip && (a.targetRef?.uid ?? "") < (b.targetRef?.uid ?? "")) ? -1 : 1;

function addressOf(pod: Pod, service: Service): EndpointAddress {
  const hostname = hostnameBelow(pod, service);
  return {
    ip: pod.status?.podIP ?? "",
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
    },
  };
}

/** At most `max` addresses; ready ones are kept first. */
export function truncate(
  subsets: EndpointSubset[],
  max: number,
): { subsets: EndpointSubset[]; truncated: boolean } {
  const ready = subsets.reduce((n, s) => n + (s.addresses?.length ?? 0), 0);
  const total = subsets.reduce((n, s) => n + (s.notReadyAddresses?.length ?? 0), ready);
  if (total <= max) return { subsets, truncated: false };
  let readyLeft = Math.min(ready, max);
  let notReadyLeft = max - readyLeft;
  const kept = subsets.flatMap((s) => {
    const addresses = (s.addresses ?? []).slice(0, readyLeft);
    const notReadyAddresses = (s.notReadyAddresses ?? []).slice(0, notReadyLeft);
    readyLeft -= addresses.length;
    notReadyLeft -= notReadyAddresses.length;
    if (addresses.length + notReadyAddresses.length === 0) return [];
    return [
      {
        ...(addresses.length > 0 ? { addresses } : {}),
        ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
        ...(s.ports ? { ports: s.ports } : {}),
      },
    ];
  });
  return { subsets: kept, truncated: true };
}
