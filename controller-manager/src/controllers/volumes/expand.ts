import { persistentVolumeClaims, persistentVolumes, storageClasses } from "@coracle/shared/api/resources.ts";
import { defineController, type Controller, type Result } from "@coracle/shared/controller/controller.ts";
import { resourceAmount } from "@coracle/shared/meta/quantity.ts";
import { classOf } from "./match.ts";
import { nodeOf } from "./provisioner.ts";

/** Grows volumes when their claims ask for more. A local volume is a directory: its size is a promise, and growing it is instant. */
export const volumeExpander = (): Controller =>
  defineController({
    name: "volume-expand",
    for: persistentVolumeClaims,
    setup(ctx) {
      ctx.informers.for(persistentVolumes);
      ctx.informers.for(storageClasses);
    },
    async reconcile(key, ctx): Promise<Result> {
      const claim = ctx.informers.for(persistentVolumeClaims).get(key);
      if (claim?.status?.phase !== "Bound") return;
      const wanted = claim.spec?.resources?.requests?.["storage"] ?? "0";
      const has = claim.status.capacity?.["storage"] ?? "0";
      if (resourceAmount("storage", wanted) <= resourceAmount("storage", has)) return;
      const volume = ctx.informers.for(persistentVolumes).get(claim.spec?.volumeName ?? "");
      const cls = ctx.informers.for(storageClasses).get(classOf(claim));
      if (!volume || !cls?.allowVolumeExpansion) return;
      if (nodeOf(volume) === undefined) {
        ctx.events.record(
          claim,
          "Normal",
          "ExternalExpanding",
          "waiting for an external controller to expand this PVC",
        );
        return;
      }
      const size = volume.spec?.capacity?.["storage"] ?? "0";
      if (resourceAmount("storage", size) < resourceAmount("storage", wanted))
        await ctx.client.patch(
          persistentVolumes,
          { name: volume.metadata.name ?? "" },
          { type: "merge", body: { spec: { capacity: { storage: wanted } } } },
          { signal: ctx.signal },
        );
      const status = { ...claim.status, capacity: { ...claim.status.capacity, storage: wanted } };
      await ctx.client.update(
        persistentVolumeClaims,
        { ...claim, status },
        { subresource: "status", signal: ctx.signal },
      );
      ctx.events.record(claim, "Normal", "VolumeResizeSuccessful", "Volume resize succeeded");
    },
  });
