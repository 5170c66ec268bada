import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { leases, nodes, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { isConflict, isNotFound } from "@coracle/shared/errors.ts";
import { podCondition } from "@coracle/shared/meta/pods.ts";
import { timestamp } from "../../conditions.ts";
import { indexByNode, onNode } from "../../ownership/index-by.ts";
import { createHeartbeats, silentConditions, type Heartbeats } from "./health.ts";
import { conditionOf, correctedTaints, hasEvictionTaint, readiness } from "./taints.ts";
import { createZones, type Zones } from "./zones.ts";

const LEASES = "kube-node-lease";

export interface NodeLifecycleOptions {
  /** A node that is silent for so long is not ready. */
  readonly graceMs: number;
}

/** Watches over the nodes' signs of life and says in conditions and taints what follows from them. */
export function nodeLifecycleController({ graceMs }: NodeLifecycleOptions): Controller {
  const heartbeats = createHeartbeats(graceMs);
  const zones = createZones();
  return defineController({
    name: "node-lifecycle",
    for: nodes,
    watches: [
      {
        resource: leases,
        keys: ({ metadata }) => (metadata.namespace === LEASES ? [metadata.name ?? ""] : []),
      },
      {
        // A pod that was just bound to a node that is not ready must not count as ready.
        resource: pods,
        keys: (object, old) => {
          const [pod, before] = [object as Pod, old as Pod | undefined];
          return before && pod.spec?.nodeName && !before.spec?.nodeName ? [pod.spec.nodeName] : [];
        },
      },
    ],
    setup(ctx) {
      indexByNode(ctx.informers.for(pods));
      // The whole of the zones must be known before the first decision, hence not in reconcile.
      const note = (node: Node, gone: boolean): void =>
        zones.set(node.metadata.name ?? "", zoneOf(node), gone ? undefined : readiness(node) === "True");
      ctx.informers.for(nodes).on({
        add(node) {
          note(node, false);
          tell(ctx, node, "RegisteredNode", (name) => `Registered Node ${name} in Controller`);
        },
        update: (node, old) => readiness(node) !== readiness(old) && note(node, false),
        delete(node) {
          note(node, true);
          tell(ctx, node, "RemovingNode", (name) => `Removing Node ${name} from Controller`);
        },
      });
    },
    async reconcile(key, ctx): Promise<Result> {
      const node = ctx.informers.for(nodes).get(key);
      if (!node) {
        heartbeats.forget(key);
        return undefined;
      }
      const left = graceOf(ctx, heartbeats, node);
      const current = left > 0 ? node : await declareSilent(ctx, node);
      if (readiness(current) !== "True") await markPodsNotReady(ctx, current);
      const wait = await correctTaints(ctx, zones, current);
      const next = left > 0 ? left : graceMs;
      return { requeueAfterMs: Math.min(next, wait ?? next) };
    },
  });
}

function tell(ctx: ControllerContext, node: Node, reason: string, what: (name: string) => string): void {
  const { name = "" } = node.metadata;
  ctx.events.record(node, "Normal", reason, `Node ${name} event: ${what(name)}`);
}

const zoneOf = (node: Node): string => {
  const labels = node.metadata.labels ?? {};
  return `${labels["topology.kubernetes.io/region"] ?? ""}:${labels["topology.kubernetes.io/zone"] ?? ""}`;
};

function graceOf(ctx: ControllerContext, heartbeats: Heartbeats, node: Node): number {
  const name = node.metadata.name ?? "";
  const renewed = ctx.informers.for(leases).get(`${LEASES}/${name}`)?.spec?.renewTime ?? "";
  const ready = conditionOf(node, "Ready");
  // What we wrote ourselves is no sign of life: only the kubelet's own times count.
  const signs = `${node.metadata.uid} ${renewed} ${ready?.lastHeartbeatTime ?? ""}`;
  return heartbeats.graceLeft(name, signs, ctx.clock.now());
}

async function declareSilent(ctx: ControllerContext, node: Node): Promise<Node> {
  const conditions = silentConditions(node, ctx.clock.now());
  if (!conditions) return node;
  const name = node.metadata.name ?? "";
  ctx.log.info({ node: name }, "node stopped giving signs of life");
  const updated = await ctx.client.update(
    nodes,
    { ...node, status: { ...node.status, conditions } },
    { subresource: "status", signal: ctx.signal },
  );
  ctx.events.record(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
  return updated;
}

/** Services must stop sending traffic there. */
async function markPodsNotReady(ctx: ControllerContext, node: Node): Promise<void> {
  for (const pod of onNode(ctx.informers.for(pods), node.metadata.name ?? "")) {
    const ready = podCondition(pod, "Ready");
    if (ready?.status !== "True") continue;
    const { name = "", namespace, uid } = pod.metadata;
    ctx.events.record(pod, "Warning", "NodeNotReady", "Node is not ready");
    const condition = {
      ...ready,
      status: "False",
      lastTransitionTime: timestamp(ctx.clock.now()),
    };
    await ctx.client
      .patch(
        pods,
        { name, namespace },
        { type: "strategic", body: { metadata: { uid }, status: { conditions: [condition] } } },
        { subresource: "status", signal: ctx.signal },
      )
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
  }
}

/** @returns when to look again because evictions are rate limited. */
async function correctTaints(ctx: ControllerContext, zones: Zones, node: Node): Promise<number | undefined> {
  const name = node.metadata.name ?? "";
  const unready = conditionOf(node, "Ready") !== undefined && readiness(node) !== "True";
  let wait: number | undefined;
  let evict = false;
  if (unready && hasEvictionTaint(node)) evict = true;
  else if (unready) {
    wait = zones.mayEvict(name, ctx.clock.now());
    evict = wait === 0;
  }
  const taints = correctedTaints(node, evict, timestamp(ctx.clock.now()));
  if (taints)
    await ctx.client.patch(
      nodes,
      { name },
      {
        type: "merge",
        body: { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } },
      },
      { signal: ctx.signal },
    );
  return wait === 0 ? undefined : wait;
}
