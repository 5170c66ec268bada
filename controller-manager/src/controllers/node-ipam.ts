import { nodes } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { createCidrSet, type CidrSet } from "./node-ipam-cidrs.ts";

const NODE_MASK = 24;

/** Gives every node its own part of the pod network, for as long as the node exists. */
export function nodeIpamController(clusterCidr: string): Controller {
  let cidrs: CidrSet;
  return defineController({
    name: "node-ipam",
    for: nodes,
    // One at a time: two nodes must never get the same range.
    workers: 1,
    setup(ctx) {
      cidrs = createCidrSet(clusterCidr, NODE_MASK);
      ctx.informers.for(nodes).on({
        add: (node) => node.spec?.podCIDR && cidrs.occupy(node.spec.podCIDR, node.metadata.name ?? ""),
        update: (node) => node.spec?.podCIDR && cidrs.occupy(node.spec.podCIDR, node.metadata.name ?? ""),
        delete: (node) => node.spec?.podCIDR && cidrs.release(node.spec.podCIDR, node.metadata.name ?? ""),
      });
    },
    async reconcile(key, ctx): Promise<Result> {
      const node = ctx.informers.for(nodes).get(key);
      if (!node || node.spec?.podCIDR || node.metadata.deletionTimestamp !== undefined) return;
      const cidr = cidrs.allocate(key);
      if (!cidr) {
        ctx.events.record(node, "Normal", "CIDRNotAvailable", `Node ${key} status is now: CIDRNotAvailable`);
        throw new Error(
          "failed to allocate cidr: CIDR allocation failed; there are no remaining CIDRs left to allocate",
        );
      }
      const body = {
        metadata: { uid: node.metadata.uid },
        spec: { podCIDR: cidr, podCIDRs: [cidr] },
      };
      try {
        await ctx.client.patch(nodes, { name: key }, { type: "strategic", body }, { signal: ctx.signal });
      } catch (error) {
        // The range stays taken when the outcome is unknown; a later look at the node settles it.
        if (isNotFound(error)) {
          cidrs.release(cidr, key);
          return;
        }
        throw error;
      }
    },
  });
}
