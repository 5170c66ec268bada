import type { Pod, Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { endpointSlices, nodes, pods, services } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { selectorFromMap } from "@coracle/shared/meta/labels.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { createExpectations, type Expectations } from "../../expectations.ts";
import { indexByNamespace, inNamespace } from "../../ownership/index-by.ts";
import { messageOf } from "../../pods/control.ts";
import { servicesOfPod } from "../services-of-pod.ts";
import { addressesOf, endpointOf, isBackend, isHeadless, portsIn, ZONE } from "./backends.ts";
import { groupByPorts } from "./plan.ts";
import {
  HEADLESS,
  indexByNode,
  indexSlices,
  MANAGED_BY,
  observeSlices,
  ON_NODE,
  SERVICE_NAME,
  serviceKeyOf,
  writeSlices,
} from "./slices.ts";
import { triggerTime } from "./trigger-time.ts";

const MANAGER = "endpointslice-controller.k8s.io";
const MAX_ENDPOINTS = 100;

type Family = "IPv4" | "IPv6";

/** Keeps the EndpointSlices of every Service with a selector. */
export function endpointSliceController(): Controller {
  let expectations: Expectations;
  return defineController({
    name: "endpointslice",
    for: services,
    owns: [endpointSlices],
    watches: [
      { resource: pods, keys: servicesOfPod },
      { resource: nodes, keys: servicesOnNode },
    ],
    setup(ctx) {
      expectations = createExpectations(() => ctx.clock.now());
      indexByNamespace(ctx.informers.for(pods));
      indexByNamespace(ctx.informers.for(services));
      ctx.informers.for(nodes);
      indexSlices(ctx.informers.for(endpointSlices), MANAGER);
      indexByNode(ctx.informers.for(endpointSlices), MANAGER);
      observeSlices(ctx, expectations, MANAGER);
    },
    async reconcile(key, ctx): Promise<Result> {
      const service = ctx.informers.for(services).get(key);
      if (!service) {
        expectations.forget(key);
        return;
      }
      if (service.spec?.type === "ExternalName" || !hasSelector(service)) return;
      if (service.metadata.deletionTimestamp !== undefined || !expectations.settled(key)) return;
      const existing = ctx.informers.for(endpointSlices).byIndex(MANAGER, key);
      try {
        for (const family of familiesOf(service))
          await syncFamily(ctx, expectations, { key, service, existing, family });
      } catch (error) {
        ctx.events.record(
          service,
          "Warning",
          "FailedToUpdateEndpointSlices",
          `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`,
        );
        throw error;
      }
    },
  });
}

export const hasSelector = (service: Service): boolean =>
  Object.keys(service.spec?.selector ?? {}).length > 0;

const familiesOf = (service: Service): Family[] =>
  service.spec?.ipFamilies && service.spec.ipFamilies.length > 0
    ? service.spec.ipFamilies.map((f) => (f === "IPv6" ? "IPv6" : "IPv4"))
    : ["IPv4"];

interface Sync {
  readonly key: string;
  readonly service: Service;
  readonly existing: readonly EndpointSlice[];
  readonly family: Family;
}

async function syncFamily(
  ctx: ControllerContext,
  expectations: Expectations,
  { key, service, existing, family }: Sync,
): Promise<void> {
  const backends = selectedPods(ctx, service).filter(
    (pod) => isBackend(pod, true) && addressesOf(pod, family).length > 0,
  );
  const missing: string[] = [];
  // A pod that has none of the named ports is one all the same: below a headless Service it has a name.
  const items = backends.flatMap((pod) => {
    const { nodeName = "" } = pod.spec ?? {};
    const node = ctx.informers.for(nodes).get(nodeName);
    if (nodeName && !node && !service.spec?.publishNotReadyAddresses) {
      missing.push(`skipping Pod ${pod.metadata.name} for Service ${key}: Node ${nodeName} Not Found`);
      return [];
    }
    return [{ ports: portsIn(pod, service), endpoint: endpointOf(pod, service, node, family) }];
  });
  const trigger = triggerTime(service, backends);
  await writeSlices(
    ctx,
    expectations,
    {
      key,
      metadata: service.metadata,
      reference: controllerReferenceTo(services, service),
      labels: labelsFor(service),
      annotations: trigger,
      exactAnnotations: false,
    },
    {
      addressType: family,
      existing: existing.filter((s) => s.addressType === family && !s.metadata.deletionTimestamp),
      groups: groupByPorts(items),
      max: MAX_ENDPOINTS,
      placeholder: true,
    },
  );
  // Nobody stops a pod whose node is gone; should the node be new, the next attempt knows it.
  if (missing.length > 0) throw new Error(missing.join(", "));
}

/** The Services with endpoints on a node whose zone is another now: the zone is written with each endpoint, and hints follow it. */
function* servicesOnNode(
  { metadata }: KubeObject,
  before: KubeObject | undefined,
  ctx: ControllerContext,
): Iterable<string> {
  if (before && before.metadata.labels?.[ZONE] === metadata.labels?.[ZONE]) return;
  for (const slice of ctx.informers.for(endpointSlices).byIndex(ON_NODE, metadata.name ?? ""))
    yield serviceKeyOf(slice);
}

const selectedPods = (ctx: ControllerContext, service: Service): Pod[] => {
  const selector = selectorFromMap(service.spec?.selector);
  return inNamespace(ctx.informers.for(pods), service.metadata.namespace).filter((pod) =>
    selector.matches(pod.metadata.labels),
  );
};

function labelsFor(service: Service): Record<string, string> {
  const { [HEADLESS]: _headless, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    ...(isHeadless(service) ? { [HEADLESS]: "" } : {}),
    [SERVICE_NAME]: service.metadata.name ?? "",
    [MANAGED_BY]: MANAGER,
  };
}
