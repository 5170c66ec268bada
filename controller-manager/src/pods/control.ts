import type { Pod, PodTemplateSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { pods, type Resource } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { ApiError, isNotFound } from "@coracle/shared/errors.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import type { Expectations } from "../expectations.ts";
import { controllerOf, controllerReferenceTo } from "@coracle/shared/meta/owners.ts";
import { refersTo } from "../ownership/refs.ts";
import { randomSuffix } from "../rollout/hash.ts";

/** Creating and deleting pods on behalf of an owner: events, expectations and owner references in one place. */

export interface PodOwner {
  readonly key: string;
  readonly object: KubeObject;
  readonly resource: Resource<unknown>;
}

/** A name of the form the server would generate; chosen here so that the cache can be watched for it before the answer is in. */
export const generatedName = (base: string): string => `${base.slice(0, 58)}${randomSuffix(5)}`;

/** The pod a template describes, owned by `owner`, under a freshly generated name. */
export function podFromTemplate(template: PodTemplateSpec | undefined, owner: PodOwner): Pod {
  const meta = template?.metadata;
  const generateName = `${owner.object.metadata.name ?? ""}-`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: generatedName(generateName),
      generateName,
      namespace: owner.object.metadata.namespace,
      ...(meta?.labels ? { labels: { ...meta.labels } } : {}),
      ...(meta?.annotations ? { annotations: { ...meta.annotations } } : {}),
      ...(meta?.finalizers ? { finalizers: [...meta.finalizers] } : {}),
      ownerReferences: [controllerReferenceTo(owner.resource, owner.object)],
    },
    ...(template?.spec ? { spec: structuredClone(template.spec) } : {}),
  };
}

/** The namespace is going away: what fails for that reason needs no event and no retry. */
export const namespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status.details?.causes ?? []).some((c) => c.reason === "NamespaceTerminating");

/** The request may have been carried out although it failed. */
const outcomeUnknown = (error: unknown): boolean =>
  !(error instanceof ApiError) || error.code === 503 || error.code === 504;

/** In a namespace that is going away nothing is made, and that is no failure: the owner is about to go too. */
export async function createPod(
  ctx: ControllerContext,
  expectations: Expectations,
  owner: PodOwner,
  pod: Pod,
): Promise<void> {
  const { name = "", namespace } = pod.metadata;
  expectations.creating(owner.key, keyOf(pod));
  try {
    await ctx.client.create(pods, pod, { signal: ctx.signal });
    ctx.events.record(owner.object, "Normal", "SuccessfulCreate", `Created pod: ${name}`);
  } catch (error) {
    const exists =
      outcomeUnknown(error) &&
      (await ctx.client
        .get(pods, { name, namespace }, { signal: ctx.signal })
        .then(() => true)
        .catch((e: unknown) => !isNotFound(e)));
    if (!exists) expectations.creationFailed(owner.key, keyOf(pod));
    if (namespaceTerminating(error)) return;
    ctx.events.record(owner.object, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

export async function deletePod(
  ctx: ControllerContext,
  expectations: Expectations,
  owner: PodOwner,
  pod: Pod,
): Promise<void> {
  const { name = "", namespace, uid = "" } = pod.metadata;
  expectations.deleting(owner.key, uid);
  try {
    await ctx.client.delete(pods, { name, namespace }, { signal: ctx.signal, preconditions: { uid } });
    ctx.events.record(owner.object, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
  } catch (error) {
    expectations.deletionFailed(owner.key, uid);
    if (isNotFound(error)) return;
    ctx.events.record(owner.object, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Lets the pods of `resource`'s objects settle the expectations as the cache shows them. Call from `setup`. */
export function observePods(
  ctx: ControllerContext,
  expectations: Expectations,
  resource: Resource<unknown>,
): void {
  const keyFor = (pod: Pod): string | undefined => {
    const ref = controllerOf(pod);
    return ref && refersTo(ref, resource) ? `${pod.metadata.namespace}/${ref.name}` : undefined;
  };
  const saw = (pod: Pod, gone: boolean): void => {
    const key = keyFor(pod);
    if (key === undefined) return;
    expectations.sawCreated(key, keyOf(pod));
    if (gone || pod.metadata.deletionTimestamp !== undefined)
      expectations.sawDeleted(key, pod.metadata.uid ?? "");
  };
  ctx.informers.for(pods).on({
    add: (pod) => saw(pod, false),
    update: (pod, old) => {
      saw(pod, false);
      if (old.metadata.uid !== pod.metadata.uid) saw(old, true);
    },
    delete: (pod) => saw(pod, true),
  });
}
