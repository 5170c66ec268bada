import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
} from "@coracle/shared/api/generated/core-v1.ts";
import type { Endpoint, EndpointPort as SlicePort } from "@coracle/shared/api/generated/discovery-v1.ts";
import { endpoints, endpointSlices, services } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { createExpectations, type Expectations } from "../../expectations.ts";
import { hasSelector } from "../endpointslice/endpointslice.ts";
import type { EndpointGroup } from "../endpointslice/plan.ts";
import {
  indexSlices,
  MANAGED_BY,
  observeSlices,
  SERVICE_NAME,
  TRIGGER_TIME,
  writeSlices,
} from "../endpointslice/slices.ts";
import { repackSubsets } from "./repack.ts";

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
      const { groups, skipped } = groupsOf(mirrored ? (source.subsets ?? []) : []);
      for (const family of ["IPv4", "IPv6"] as const)
        await sync(ctx, expectations, { key, source, family, groups: groups[family] });
      if (source && skipped > 0)
        ctx.events.record(
          source,
          "Warning",
          "TooManyAddressesToMirror",
          `A max of ${MAX_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
        );
    },
  });
}

const isMirrored = ({ metadata }: Endpoints): boolean =>
  metadata.labels?.[SKIP] !== "true" && metadata.annotations?.[LEADER] === undefined;

interface Sync {
  readonly key: string;
  readonly source: Endpoints | undefined;
  readonly family: Family;
  readonly groups: readonly EndpointGroup[];
}

async function sync(
  ctx: ControllerContext,
  expectations: Expectations,
  { key, source, family, groups }: Sync,
): Promise<void> {
  const existing = ctx.informers
    .for(endpointSlices)
    .byIndex(MANAGER, key)
    .filter((s) => s.addressType === family && s.metadata.deletionTimestamp === undefined);
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
      exactAnnotations: true,
    },
    { addressType: family, existing, groups, max: MAX_ADDRESSES, placeholder: false },
  );
}

/** The endpoints of each address family, by their ports, and how many there was no room for. A subset fits into one slice. Pure. */
export function groupsOf(subsets: readonly EndpointSubset[]): {
  groups: Record<Family, EndpointGroup[]>;
  skipped: number;
} {
  const groups: Record<Family, EndpointGroup[]> = { IPv4: [], IPv6: [] };
  let skipped = 0;
  for (const subset of repackSubsets(subsets)) {
    const all = [
      ...subset.ready.map((a) => endpointOf(a, true)),
      ...subset.notReady.map((a) => endpointOf(a, false)),
    ];
    skipped += Math.max(0, all.length - MAX_ADDRESSES);
    const ports = subset.ports.map(slicePort);
    const families = Map.groupBy(all.slice(0, MAX_ADDRESSES), familyOf);
    for (const [family, endpoints] of families) groups[family].push({ ports, endpoints });
  }
  return { groups, skipped };
}

const familyOf = ({ addresses: [ip = ""] }: Endpoint): Family => (ip.includes(":") ? "IPv6" : "IPv4");

const slicePort = (port: EndpointPort): SlicePort => ({
  name: port.name ?? "",
  port: port.port,
  protocol: port.protocol ?? "TCP",
  ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
});

const endpointOf = (address: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [address.ip],
  conditions: { ready },
  ...(address.hostname === undefined ? {} : { hostname: address.hostname }),
  ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
  ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
});
