import type { Pod, ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Quantity } from "@coracle/shared/meta/quantity.ts";
import { storageText } from "../../registry/storage-text.ts";
import { StoreError, type ObjectKey } from "../../store/store.ts";
import { refuse, type AdmissionContext, type AdmissionPlugin, type Attributes } from "../plugin.ts";
import { charge, countedBy, difference, unstated } from "./evaluate.ts";
import { inScope } from "@coracle/shared/quota/scopes.ts";
import { usageOf } from "@coracle/shared/quota/usage.ts";

const attempts = 20;

/**
 * Charges every write to the quotas of its namespace before it is made: the quota's `status.used` rises by compare-and-swap,
 * so that replicas cannot together exceed it. What a write that fails later was charged is given back by the controller,
 * which recounts. Must be the last plugin.
 */
export function createResourceQuota(): AdmissionPlugin {
  /** Writers of one quota wait for each other in this process: swaps that are bound to fail are not tried. */
  const queues = new Map<string, Promise<void>>();
  return {
    name: "ResourceQuota",
    handles: (a) =>
      a.namespace !== "" &&
      (a.operation === "CREATE" || a.operation === "UPDATE") &&
      (a.subresource === "" || a.subresource === "resize") &&
      a.kind.storage !== "events" &&
      a.object !== undefined,
    validate(a, ctx) {
      const quotas = quotasOf(a, ctx);
      if (quotas.length === 0) return;
      const delta = difference(usageOf(a.kind.storage, a.object as KubeObject), usageBefore(a));
      const concerned = quotas.filter(
        (q) =>
          inScope(q, a.kind.storage, a.object as KubeObject) && Object.keys(countedBy(q, delta)).length > 0,
      );
      if (a.kind.storage === "pods" && a.operation === "CREATE") demandStated(a, quotas);
      if (concerned.length === 0) return;
      return inTurn(queues, a.namespace, () => chargeAll(a, ctx, concerned, delta));
    },
  };
}

const usageBefore = (a: Attributes) =>
  a.operation === "UPDATE" && a.oldObject ? usageOf(a.kind.storage, a.oldObject) : undefined;

function quotasOf(a: Attributes, ctx: AdmissionContext): ResourceQuota[] {
  return ctx.cache
    .list("resourcequotas", { namespace: a.namespace })
    .items.map((item) => item.object as unknown as ResourceQuota);
}

function demandStated(a: Attributes, quotas: readonly ResourceQuota[]): void {
  const { spec } = a.object as unknown as Pod;
  // Requests of the pod as a whole stand for those of its containers.
  if (spec?.resources?.requests ?? spec?.resources?.limits) return;
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  for (const quota of quotas) {
    if (!inScope(quota, "pods", a.object as KubeObject)) continue;
    const why = unstated(quota, containers);
    if (why) throw refuse(a, why);
  }
}

type Delta = Readonly<Record<string, Quantity>>;

async function chargeAll(
  a: Attributes,
  ctx: AdmissionContext,
  quotas: readonly ResourceQuota[],
  delta: Delta,
): Promise<void> {
  // First ask all, so that a refusal by one leaves no charge on another.
  for (const quota of quotas) await chargeOne(a, ctx, quota, delta, true);
  if (a.dryRun) return;
  for (const quota of quotas) await chargeOne(a, ctx, quota, delta, false);
}

async function chargeOne(
  a: Attributes,
  ctx: AdmissionContext,
  quota: ResourceQuota,
  delta: Delta,
  onlyAsk: boolean,
): Promise<void> {
  const key: ObjectKey = {
    resource: "resourcequotas",
    namespace: a.namespace,
    name: quota.metadata.name ?? "",
  };
  for (let attempt = 0; attempt < attempts; attempt++) {
    const stored = await ctx.store.get(key);
    if (!stored) return;
    const current = JSON.parse(stored.body) as ResourceQuota;
    const counted = countedBy(current, delta);
    if (Object.keys(counted).length === 0) return;
    const result = charge(current, counted);
    if ("refusal" in result) throw refuse(a, result.refusal);
    if (onlyAsk) return;
    const next = { ...current, status: { ...current.status, used: result.used } };
    try {
      await ctx.store.update(key, storageText(next), stored.revision);
      return;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }
  throw serviceUnavailable(`quota ${key.name} is being updated too often; try again`, 1);
}

async function inTurn(
  queues: Map<string, Promise<void>>,
  key: string,
  work: () => Promise<void>,
): Promise<void> {
  const before = queues.get(key) ?? Promise.resolve();
  const mine = before.then(work);
  const settled = mine.catch(() => undefined);
  queues.set(key, settled);
  try {
    await mine;
  } finally {
    if (queues.get(key) === settled) queues.delete(key);
  }
}
