import type { Pod, PodResourceClaim } from "@coracle/shared/api/generated/core-v1.ts";
import type { ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { pods, resourceClaims, resourceClaimTemplates } from "@coracle/shared/api/resources.ts";
import {
  defineController,
  type Controller,
  type ControllerContext,
  type Result,
} from "@coracle/shared/controller/controller.ts";
import {
  claimNameOf,
  claimNamesOf,
  claimProblem,
  consumerOf,
  isMadeFor,
  isReservedFor,
  maxConsumers,
  podClaimAnnotation,
} from "@coracle/shared/dra/pod-claims.ts";
import { isConflict } from "@coracle/shared/errors.ts";
import { keyOf } from "@coracle/shared/meta/object.ts";
import { controllerOf, controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { isTerminal } from "@coracle/shared/meta/pods.ts";
import { messageOf } from "../../pods/control.ts";

/** Makes the claims that pods ask for by templates, and reserves allocated ones for pods that no scheduler has placed. */
export const resourceClaimController = (): Controller =>
  defineController({
    name: "resourceclaim",
    for: pods,
    watches: [
      {
        resource: resourceClaims,
        keys: ({ metadata }, _old, ctx) => {
          const key = `${metadata.namespace}/${metadata.name}`;
          const owner = controllerOf({ metadata });
          return [
            ...ctx.informers.for(pods).byIndex("resourceclaim", key).map(keyOf),
            ...(owner?.kind === "Pod" ? [`${metadata.namespace}/${owner.name}`] : []),
          ];
        },
      },
      {
        resource: resourceClaimTemplates,
        keys: ({ metadata }, old, ctx) =>
          old
            ? []
            : ctx.informers
                .for(pods)
                .byIndex("resourceclaimtemplate", `${metadata.namespace}/${metadata.name}`)
                .map(keyOf),
      },
    ],
    setup(ctx) {
      const informer = ctx.informers.for(pods);
      informer.addIndex("resourceclaim", (pod) =>
        claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`),
      );
      informer.addIndex("resourceclaimtemplate", (pod) =>
        (pod.spec?.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName: name }) =>
          name === undefined ? [] : [`${pod.metadata.namespace}/${name}`],
        ),
      );
    },
    async reconcile(key, ctx): Promise<Result> {
      const pod = ctx.informers.for(pods).get(key);
      if (!pod?.spec?.resourceClaims?.length) return;
      if (pod.metadata.deletionTimestamp !== undefined || isTerminal(pod)) return;
      const named = await ensureClaims(ctx, pod);
      if (pod.spec.nodeName) for (const name of named) await reserve(ctx, pod, name);
    },
  });

/** @returns the names of the pod's claims */
async function ensureClaims(ctx: ControllerContext, pod: Pod): Promise<string[]> {
  const made: { name: string; resourceClaimName: string }[] = [];
  const names: string[] = [];
  for (const reference of pod.spec?.resourceClaims ?? []) {
    try {
      const before = claimNameOf(pod, reference);
      const name = await ensureClaim(ctx, pod, reference);
      if (name === undefined) continue;
      names.push(name);
      if (name !== before) made.push({ name: reference.name, resourceClaimName: name });
    } catch (error) {
      const why = `PodResourceClaim ${reference.name}: ${messageOf(error)}`;
      ctx.events.record(pod, "Warning", "FailedResourceClaimCreation", why);
      throw error;
    }
  }
  if (made.length > 0) {
    const { name = "", namespace, uid } = pod.metadata;
    const body = { metadata: { uid }, status: { resourceClaimStatuses: made } };
    await ctx.client.patch(
      pods,
      { name, namespace },
      { type: "strategic", body },
      { subresource: "status", signal: ctx.signal },
    );
  }
  return names;
}

async function ensureClaim(
  ctx: ControllerContext,
  pod: Pod,
  reference: PodResourceClaim,
): Promise<string | undefined> {
  const known = claimNameOf(pod, reference);
  if (reference.resourceClaimTemplateName === undefined || known === null) return known ?? undefined;
  const { namespace } = pod.metadata;
  const claims = ctx.informers.for(resourceClaims);
  const existing = known === undefined ? undefined : claims.get(`${namespace}/${known}`);
  if (existing) {
    const problem = claimProblem(pod, reference, existing);
    if (problem) throw new Error(problem);
    return known;
  }
  return (await findOrMake(ctx, pod, reference, reference.resourceClaimTemplateName)).metadata.name;
}

/** A claim that was made before but is not in the pod's status yet is found by its owner. */
async function findOrMake(
  ctx: ControllerContext,
  pod: Pod,
  reference: PodResourceClaim,
  templateName: string,
): Promise<ResourceClaim> {
  const { name = "", namespace } = pod.metadata;
  const live = await ctx.client.list(resourceClaims, { namespace, signal: ctx.signal });
  const found = live.items.find(
    (claim) => isMadeFor(claim, pod) && claim.metadata.annotations?.[podClaimAnnotation] === reference.name,
  );
  if (found) return found;
  const template = ctx.informers.for(resourceClaimTemplates).get(`${namespace}/${templateName}`);
  if (!template)
    throw new Error(
      `resource claim template "${templateName}": resourceclaimtemplate.resource.k8s.io "${templateName}" not found`,
    );
  const { labels, annotations } = template.spec.metadata ?? {};
  return ctx.client.create(
    resourceClaims,
    {
      apiVersion: "resource.k8s.io/v1",
      kind: "ResourceClaim",
      metadata: {
        generateName: generatedName(name, reference.name),
        namespace,
        ...(labels ? { labels } : {}),
        annotations: { ...annotations, [podClaimAnnotation]: reference.name },
        ownerReferences: [controllerReferenceTo(pods, pod)],
      },
      spec: structuredClone(template.spec.spec),
    },
    { signal: ctx.signal },
  );
}

/** What is left of a name of 63 characters when five random ones and a dash are taken off. */
const maxBase = 57;

/** Both names are cut in proportion when they are too long together. Pure. */
export function generatedName(pod: string, claim: string): string {
  const whole = `${pod}-${claim}-`;
  if (whole.length <= maxBase) return whole;
  const cut = (text: string): string => text.slice(0, Math.trunc((text.length * maxBase) / whole.length));
  return `${cut(pod)}-${cut(claim)}-`;
}

/** A pod that was given its node by something else than the scheduler uses what others have had allocated. */
async function reserve(ctx: ControllerContext, pod: Pod, name: string): Promise<void> {
  const { namespace } = pod.metadata;
  const claim = ctx.informers.for(resourceClaims).get(`${namespace}/${name}`);
  if (!claim?.status?.allocation || claim.metadata.deletionTimestamp !== undefined) return;
  const reservedFor = claim.status.reservedFor ?? [];
  if (isReservedFor(claim, pod) || reservedFor.length >= maxConsumers) return;
  const status = { ...claim.status, reservedFor: [...reservedFor, consumerOf(pod)] };
  await ctx.client
    .update(resourceClaims, { ...claim, status }, { subresource: "status", signal: ctx.signal })
    .catch((error: unknown) => {
      // Its newer state comes by the cache and brings us back.
      if (!isConflict(error)) throw error;
    });
}
