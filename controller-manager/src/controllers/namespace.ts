import type { Namespace, NamespaceCondition } from "@coracle/shared/api/generated/core-v1.ts";
import { namespaces, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { ApiError, isNotFound, printGroupResource } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { semanticEqual } from "../canonical.ts";
import { createBackoff, type Backoff } from "../backoff.ts";
import { setCondition } from "../conditions.ts";
import { discover, supports, type Discovered } from "../discovery.ts";
import { messageOf } from "../pods/control.ts";
import { contentConditions, emptyFindings, type Findings } from "./namespace-conditions.ts";

const FINALIZER = "kubernetes";
/** Requests in flight for one namespace. */
const PARALLEL = 8;

/** Empties namespaces that are being deleted, pods first, and then lets them go. */
export function namespaceController(): Controller {
  let backoff: Backoff;
  return defineController({
    name: "namespace",
    for: namespaces,
    watches: [{ resource: pods, keys: (pod, _old, ctx) => terminatingNamespaceOf(pod, ctx) }],
    setup: (ctx) => {
      backoff = createBackoff({ firstMs: 500, maxMs: 10_000, now: () => ctx.clock.now() });
    },
    async reconcile(key, ctx): Promise<Result> {
      const namespace = ctx.informers.for(namespaces).get(key);
      if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
      if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return undefined;
      const findings = await deleteContent(ctx, key);
      const current = await writeStatus(ctx, namespace, findings);
      if (findings.failures.length > 0) throw new Error(findings.failures.join("; "));
      if (findings.remaining.size > 0) {
        // Pods' ends bring us back at once; for all else, whose ends we do not watch, we look again.
        backoff.next(key);
        return { requeueAfterMs: backoff.wait(key) };
      }
      await finalize(ctx, current);
      return undefined;
    },
  });
}

/** The last pod's end is what most deletions wait for. */
function terminatingNamespaceOf(pod: KubeObject, ctx: ControllerContext): string[] {
  const name = pod.metadata.namespace ?? "";
  return ctx.informers.for(namespaces).get(name)?.metadata.deletionTimestamp === undefined ? [] : [name];
}

async function deleteContent(ctx: ControllerContext, namespace: string): Promise<Findings> {
  const findings = emptyFindings();
  let resources: Discovered[];
  try {
    resources = await discover(ctx.client, ctx.signal);
  } catch (error) {
    findings.discoveryFailure = messageOf(error);
    findings.failures.push(messageOf(error));
    return findings;
  }
  const deletable = resources.filter((r) => r.namespaced && supports(r, "list", "delete"));
  // Pods first: what they use (volumes, secrets, network policies) stays until they are gone.
  const isPods = (r: Discovered): boolean => r.plural === "pods" && r.group === "";
  for (const r of deletable.filter(isPods)) await deleteAll(ctx, r, namespace, findings);
  if (findings.remaining.size > 0 || findings.failures.length > 0) return findings;
  const rest = deletable.filter((r) => !isPods(r) && !(r.plural === "events" && r.group !== ""));
  const work = rest.values();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const r of work) await deleteAll(ctx, r, namespace, findings);
    }),
  );
  return findings;
}

async function deleteAll(
  ctx: ControllerContext,
  resource: Discovered,
  namespace: string,
  findings: Findings,
): Promise<void> {
  const { client, signal } = ctx;
  const printed = printGroupResource({ group: resource.group, resource: resource.plural });
  try {
    const together = supports(resource, "deletecollection");
    // A namespace may hold many thousands: they are only read by whoever deletes them one by one.
    const before = await client.list(resource, { namespace, signal, ...(together ? { limit: 1 } : {}) });
    if (before.items.length === 0) return;
    if (together)
      await client.deleteCollection(resource, { namespace, propagationPolicy: "Background", signal });
    else await deleteEach(ctx, resource, before.items);
    const left = await client.list(resource, { namespace, signal });
    if (left.items.length === 0) return;
    findings.remaining.set(printed, left.items.length);
    for (const finalizer of left.items.flatMap((o) => o.metadata.finalizers ?? []))
      findings.finalizers.set(finalizer, (findings.finalizers.get(finalizer) ?? 0) + 1);
  } catch (error) {
    if (isNotFound(error) || (error instanceof ApiError && error.code === 405)) return;
    signal.throwIfAborted();
    findings.failures.push(`unexpected error deleting ${printed}: ${messageOf(error)}`);
  }
}

async function deleteEach(
  ctx: ControllerContext,
  resource: Discovered,
  items: readonly KubeObject[],
): Promise<void> {
  for (const { metadata } of items) {
    await ctx.client
      .delete(
        resource,
        { name: metadata.name ?? "", namespace: metadata.namespace },
        { propagationPolicy: "Background", signal: ctx.signal },
      )
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

async function writeStatus(
  ctx: ControllerContext,
  namespace: Namespace,
  findings: Findings,
): Promise<Namespace> {
  let conditions: NamespaceCondition[] = namespace.status?.conditions ?? [];
  for (const condition of contentConditions(findings))
    conditions = setCondition(conditions, condition, ctx.clock.now());
  const status = { phase: "Terminating", conditions };
  if (semanticEqual(status, namespace.status)) return namespace;
  return ctx.client.update(
    namespaces,
    { ...namespace, status },
    { subresource: "status", signal: ctx.signal },
  );
}

async function finalize(ctx: ControllerContext, namespace: Namespace): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((f) => f !== FINALIZER);
  try {
    await ctx.client.update(
      namespaces,
      { ...namespace, spec: { ...namespace.spec, finalizers } },
      { subresource: "finalize", signal: ctx.signal },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
