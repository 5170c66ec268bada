import type { Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import { persistentVolumeClaims, pods } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import { controllerReferenceTo, isControlledBy } from "@coracle/shared/meta/owners.ts";
import { messageOf } from "../../pods/control.ts";
import { claimsOf, indexByClaim } from "./claims-of-pod.ts";

/** Makes the claims of pods' generic ephemeral volumes; they go with their pods. */
export const ephemeralVolumeController = (): Controller =>
  defineController({
    name: "ephemeral-volume",
    for: pods,
    watches: [
      {
        resource: persistentVolumeClaims,
        keys: ({ metadata }, _old, ctx) =>
          ctx.informers
            .for(pods)
            .byIndex("claim", `${metadata.namespace}/${metadata.name}`)
            .map((p) => `${p.metadata.namespace}/${p.metadata.name}`),
      },
    ],
    setup: (ctx) => indexByClaim(ctx.informers.for(pods)),
    async reconcile(key, ctx): Promise<Result> {
      const pod = ctx.informers.for(pods).get(key);
      if (!pod || pod.metadata.deletionTimestamp !== undefined || claimsOf(pod).length === 0) return;
      for (const volume of pod.spec?.volumes ?? []) if (volume.ephemeral) await ensureClaim(ctx, pod, volume);
    },
  });

async function ensureClaim(ctx: ControllerContext, pod: Pod, volume: Volume): Promise<void> {
  const name = `${pod.metadata.name}-${volume.name}`;
  const { namespace } = pod.metadata;
  const existing = ctx.informers.for(persistentVolumeClaims).get(`${namespace}/${name}`);
  if (existing) {
    if (isControlledBy(existing, pod)) return;
    throw new Error(`PVC "${namespace}/${name}" was not created for pod "${namespace}/${pod.metadata.name}"`);
  }
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (!template) return;
  try {
    await ctx.client.create(
      persistentVolumeClaims,
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: {
          name,
          namespace,
          ...(template.metadata?.labels ? { labels: template.metadata.labels } : {}),
          ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
          ownerReferences: [controllerReferenceTo(pods, pod)],
        },
        spec: structuredClone(template.spec),
      },
      { signal: ctx.signal },
    );
  } catch (error) {
    ctx.events.record(
      pod,
      "Warning",
      "FailedBinding",
      `ephemeral volume ${volume.name}: create PVC ${name}: ${messageOf(error)}`,
    );
    throw error;
  }
}
