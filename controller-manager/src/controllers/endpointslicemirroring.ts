import type { EndpointAddress, Endpoints } from "@coracle/shared/api/generated/core-v1.ts";
import type { Endpoint } from "@coracle/shared/api/generated/discovery-v1.ts";
import { endpoints, endpointSlices, services } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { createExpectations, type Expectations } from "../expectations.ts";
import { hasSelector } from "./endpointslice/endpointslice.ts";
import { groupByPorts, type EndpointGroup } from "./endpointslice/plan.ts";
import {
  indexSlices,
  MANAGED_BY,
  observeSlices,
  SERVICE_NAME,
  TRIGGER_TIME,
  writeSlices,
} from "./endpointslice/slices.ts";

const MANAGER = "endpointslicemirroring-controller.k8s.io";
const SKIP = "endpointslice.kubernetes.io/skip-mirror";
const LEADER = "control-plane.alpha.kubernetes.io/leader";
const HEADLESS = "service.kubernetes.io/headless";
const MAX_ADDRESSES = 1000;

type Family = "IPv4" | "IPv6";

/** Mirrors Endpoints that somebody keeps by hand, for Services without a selector, into EndpointSlices. */
export function endpointSliceMirroringController(): Controller {
  let expectations: Expectations;
  return defineController({
    name: "endpointslicemirroring",
    for: endpoints,
    watches: [
      { resource: services, keys: (service) => [keyOf(service)] },
      {
        resource: endpointSlices,
        keys: ({ metadata }) =>
          metadata.labels?.[MANAGED_BY] === MANAGER
            ? [`${metadata.namespace}/${metadata.labels[SERVICE_NAME] ?? ""}`]
            : [],
      },
    ],
    setup(ctx) {
      expectations = createExpectations(() => ctx.clock.now());
      indexSlices(ctx.informers.for(endpointSlices), MANAGER);
      observeSlices(ctx, expectations, MANAGER);
    },
    async reconcile(key, ctx): Promise<Result> {
      if (!expectations.settled(key)) return;
      const source = ctx.informers.for(endpoints).get(key);
      const service = ctx.informers.for(services).get(key);
      const mirrored = source && service && !hasSelector(service) && isMirrored(source);
      for (const family of ["IPv4", "IPv6"] as const)
        await sync(ctx, expectations, { key, source, family, mirrored: Boolean(mirrored) });
    },
  });
}

const isMirrored = ({ metadata }: Endpoints): boolean =>
  metadata.labels?.[SKIP] !== "true" && metadata.annotations?.[LEADER] === undefined;

interface Sync {
  readonly key: string;
  readonly source: Endpoints | undefined;
  readonly family: Family;
  readonly mirrored: boolean;
}

async function sync(
  ctx: ControllerContext,
  expectations: Expectations,
  { key, source, family, mirrored }: Sync,
): Promise<void> {
  const existing = ctx.informers
    .for(endpointSlices)
    .byIndex(MANAGER, key)
    .filter((s) => s.addressType === family && s.metadata.deletionTimestamp === undefined);
  const groups = source && mirrored ? groupsOf(source, family) : [];
  if (existing.length === 0 && groups.length === 0) return;
  const [namespace, name = ""] = key.split("/");
  const metadata = source?.metadata ?? { name, namespace };
  const { [HEADLESS]: _headless, ...labels } = metadata.labels ?? {};
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([k]) => k !== TRIGGER_TIME && k !== "kubectl.kubernetes.io/last-applied-configuration",
  );
  await writeSlices(
    ctx,
    expectations,
    {
      key,
      metadata,
      reference: controllerReferenceTo(endpoints, { metadata }),
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MANAGER },
      annotations: Object.fromEntries(annotations),
    },
    { addressType: family, existing, groups, placeholder: false },
  );
}

/** The endpoints of one address family, by their ports. Pure. */
export function groupsOf(source: Endpoints, family: Family): EndpointGroup[] {
  const items = (source.subsets ?? []).flatMap((subset) => {
    const ports = (subset.ports ?? []).map((p) => ({
      name: p.name ?? "",
      port: p.port,
      protocol: p.protocol ?? "TCP",
      ...(p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol }),
    }));
    const of = (addresses: readonly EndpointAddress[] | undefined, ready: boolean) =>
      (addresses ?? [])
        .filter((a) => a.ip.includes(":") === (family === "IPv6"))
        .map((a) => ({ ports, endpoint: endpointOf(a, ready) }));
    return [...of(subset.addresses, true), ...of(subset.notReadyAddresses, false)];
  });
  return groupByPorts(items.slice(0, MAX_ADDRESSES));
}

const endpointOf = (address: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [address.ip],
  conditions: { ready },
  ...(address.hostname === undefined ? {} : { hostname: address.hostname }),
  ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
  ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
});
