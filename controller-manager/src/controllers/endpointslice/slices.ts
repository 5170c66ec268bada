import type { ObjectMeta, OwnerReference } from "@coracle/shared/api/generated/meta-v1.ts";
import type { EndpointSlice } from "@coracle/shared/api/generated/discovery-v1.ts";
import { endpointSlices } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import { semanticEqual } from "../../canonical.ts";
import type { Expectations } from "../../expectations.ts";
import { generatedName, namespaceTerminating } from "../../pods/control.ts";
import { planSlices, type EndpointGroup } from "./plan.ts";

/** Writing a planned layout of EndpointSlices; shared by the Service and the mirroring controller. */

export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const HEADLESS = "service.kubernetes.io/headless";
export const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";

export interface SliceOwner {
  readonly key: string;
  readonly metadata: ObjectMeta;
  readonly reference: OwnerReference;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** A slice has these annotations and no others; otherwise they are added to its own when it is written anyway. */
  readonly exactAnnotations: boolean;
}

interface Layout {
  readonly addressType: string;
  readonly existing: readonly EndpointSlice[];
  readonly groups: readonly EndpointGroup[];
  /** Endpoints in one slice at most. */
  readonly max: number;
  /** An empty slice stands for a Service without endpoints. */
  readonly placeholder: boolean;
}

export const serviceKeyOf = (slice: EndpointSlice): string =>
  `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME] ?? ""}`;

/** The slices one manager keeps for a Service; the index must be declared in `setup`. */
export const indexSlices = (informer: Informer<EndpointSlice>, manager: string): void =>
  informer.addIndex(manager, (slice) =>
    slice.metadata.labels?.[MANAGED_BY] === manager ? [serviceKeyOf(slice)] : [],
  );

/** The index of one manager's slices by the nodes of their endpoints. */
export const ON_NODE = "on-node";

export const indexByNode = (informer: Informer<EndpointSlice>, manager: string): void =>
  informer.addIndex(ON_NODE, (slice) =>
    slice.metadata.labels?.[MANAGED_BY] === manager
      ? [...new Set(slice.endpoints?.flatMap(({ nodeName }) => nodeName ?? []))]
      : [],
  );

export function observeSlices(ctx: ControllerContext, expectations: Expectations, manager: string): void {
  const mine = (slice: EndpointSlice): boolean => slice.metadata.labels?.[MANAGED_BY] === manager;
  ctx.informers.for(endpointSlices).on({
    add: (slice) => mine(slice) && expectations.sawCreated(serviceKeyOf(slice), keyOf(slice)),
    delete: (slice) => {
      if (!mine(slice)) return;
      expectations.sawCreated(serviceKeyOf(slice), keyOf(slice));
      expectations.sawDeleted(serviceKeyOf(slice), slice.metadata.uid ?? "");
    },
  });
}

/** Writes what differs. Labels of all slices follow the owner's. */
export async function writeSlices(
  ctx: ControllerContext,
  expectations: Expectations,
  owner: SliceOwner,
  layout: Layout,
): Promise<void> {
  const plan = planSlices(layout.existing, layout.groups, layout.max);
  const removed = new Set(plan.remove);
  const changed = new Set(plan.update.map((s) => s.metadata.uid));
  const relabelled = layout.existing.filter(
    (s) => !removed.has(s) && !changed.has(s.metadata.uid) && !describedBy(owner, s),
  );
  const create = [...plan.create];
  const empty = create.length === 0 && layout.existing.length === plan.remove.length;
  let remove = [...plan.remove];
  if (layout.placeholder && empty) {
    const kept = remove.find((s) => (s.endpoints ?? []).length === 0 && (s.ports ?? []).length === 0);
    if (kept) remove = remove.filter((s) => s !== kept);
    else create.push({ ports: [], endpoints: [] });
  }
  for (const group of create) await createSlice(ctx, expectations, owner, layout.addressType, group);
  for (const slice of [...plan.update, ...relabelled]) await updateSlice(ctx, owner, slice);
  for (const slice of remove) await deleteSlice(ctx, expectations, owner, slice);
}

/** Its labels are those of the owner, and its annotations too where they are mirrored. */
const describedBy = (owner: SliceOwner, { metadata }: EndpointSlice): boolean =>
  semanticEqual(metadata.labels, owner.labels) &&
  (!owner.exactAnnotations || semanticEqual(metadata.annotations ?? {}, owner.annotations));

async function createSlice(
  ctx: ControllerContext,
  expectations: Expectations,
  owner: SliceOwner,
  addressType: string,
  group: EndpointGroup,
): Promise<void> {
  const generateName = `${owner.metadata.name ?? ""}-`;
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: generatedName(generateName),
      generateName,
      namespace: owner.metadata.namespace,
      labels: { ...owner.labels },
      ...(Object.keys(owner.annotations).length > 0 ? { annotations: { ...owner.annotations } } : {}),
      ownerReferences: [owner.reference],
    },
    addressType,
    endpoints: [...group.endpoints],
    ports: [...group.ports],
  };
  expectations.creating(owner.key, keyOf(slice));
  try {
    await ctx.client.create(endpointSlices, slice, { signal: ctx.signal });
  } catch (error) {
    expectations.creationFailed(owner.key, keyOf(slice));
    if (!namespaceTerminating(error)) throw error;
  }
}

async function updateSlice(ctx: ControllerContext, owner: SliceOwner, slice: EndpointSlice): Promise<void> {
  const { [TRIGGER_TIME]: _old, ...annotations } = slice.metadata.annotations ?? {};
  const metadata = {
    ...slice.metadata,
    labels: { ...owner.labels },
    annotations: { ...(owner.exactAnnotations ? {} : annotations), ...owner.annotations },
  };
  await ctx.client.update(endpointSlices, { ...slice, metadata }, { signal: ctx.signal });
}

async function deleteSlice(
  ctx: ControllerContext,
  expectations: Expectations,
  owner: SliceOwner,
  slice: EndpointSlice,
): Promise<void> {
  const { name = "", namespace, uid = "" } = slice.metadata;
  expectations.deleting(owner.key, uid);
  try {
    await ctx.client.delete(
      endpointSlices,
      { name, namespace },
      { signal: ctx.signal, preconditions: { uid } },
    );
  } catch (error) {
    expectations.deletionFailed(owner.key, uid);
    if (!isNotFound(error)) throw error;
  }
}
