import { BlockList, isIPv6 } from "node:net";
import type { Condition } from "@coracle/shared/api/generated/meta-v1.ts";
import type { ServiceCIDR } from "@coracle/shared/api/generated/networking-v1.ts";
import { ipAddresses, serviceCIDRs } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { findCondition, setCondition } from "../conditions.ts";
import { setFinalizers } from "./volumes/protection.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
/** Until then every API server has seen that the range is going, and gives out no more of its addresses. */
const GRACE_MS = 10_000;

/** Whether addresses are within a range of addresses. */
const rangeOf = ({ spec }: ServiceCIDR): BlockList => {
  const range = new BlockList();
  for (const cidr of spec?.cidrs ?? []) {
    const [address = "", bits] = cidr.split("/");
    range.addSubnet(address, Number(bits), isIPv6(address) ? "ipv6" : "ipv4");
  }
  return range;
};
const isWithin = (address: string, range: BlockList): boolean =>
  range.check(address, isIPv6(address) ? "ipv6" : "ipv4");

/** Says that ranges of Service addresses are ready, and keeps one that is deleted until no address needs it. */
export const serviceCidrController = (graceMs = GRACE_MS): Controller =>
  defineController({
    name: "service-cidr",
    for: serviceCIDRs,
    watches: [
      { resource: ipAddresses, keys: ({ metadata }, old, ctx) => (old ? [] : goingWith(metadata.name, ctx)) },
      // Another range may hold what a going one still has.
      { resource: serviceCIDRs, keys: (_range, old, ctx) => (old ? [] : goingWith(undefined, ctx)) },
    ],
    async reconcile(key, ctx): Promise<Result> {
      const range = ctx.informers.for(serviceCIDRs).get(key);
      if (!range) return;
      const held = range.metadata.finalizers?.includes(FINALIZER) ?? false;
      if (range.metadata.deletionTimestamp !== undefined)
        return held ? release(ctx, range, graceMs) : undefined;
      if (!held) return setFinalizers(ctx, serviceCIDRs, range, (all) => [...all, FINALIZER]);
      if (findCondition(range.status?.conditions, "Ready")) return;
      await say(ctx, range, { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" });
    },
  });

/** The names of ranges that are deleted and have the address, or any. */
function* goingWith(address: string | undefined, ctx: ControllerContext): Iterable<string> {
  for (const range of ctx.informers.for(serviceCIDRs).list())
    if (
      range.metadata.deletionTimestamp !== undefined &&
      (address === undefined || isWithin(address, rangeOf(range)))
    )
      yield range.metadata.name ?? "";
}

async function release(ctx: ControllerContext, range: ServiceCIDR, graceMs: number): Promise<Result> {
  if (isNeeded(ctx, range)) {
    await say(ctx, range, {
      status: "False",
      reason: "Terminating",
      message:
        "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
    });
    return;
  }
  const left = Date.parse(range.metadata.deletionTimestamp ?? "") + graceMs - ctx.clock.now();
  if (left > 0) return { requeueAfterMs: left };
  await setFinalizers(ctx, serviceCIDRs, range, (all) => all.filter((f) => f !== FINALIZER));
}

/** It has an address that no other range has. */
function isNeeded(ctx: ControllerContext, range: ServiceCIDR): boolean {
  const own = rangeOf(range);
  const others = [...ctx.informers.for(serviceCIDRs).list()]
    .filter((r) => r.metadata.name !== range.metadata.name && r.metadata.deletionTimestamp === undefined)
    .map(rangeOf);
  for (const { metadata } of ctx.informers.for(ipAddresses).list()) {
    const address = metadata.name ?? "";
    if (isWithin(address, own) && !others.some((other) => isWithin(address, other))) return true;
  }
  return false;
}

async function say(
  ctx: ControllerContext,
  range: ServiceCIDR,
  ready: Pick<Condition, "status" | "reason" | "message">,
): Promise<void> {
  const { name = "", resourceVersion } = range.metadata;
  if (findCondition(range.status?.conditions, "Ready")?.status === ready.status) return;
  const next: Omit<Condition, "lastTransitionTime"> = { type: "Ready", ...ready };
  const conditions = setCondition(range.status?.conditions, next as Condition, ctx.clock.now());
  await ctx.client
    .patch(
      serviceCIDRs,
      { name },
      { type: "merge", body: { metadata: { resourceVersion }, status: { conditions } } },
      { subresource: "status", signal: ctx.signal },
    )
    .catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
}
