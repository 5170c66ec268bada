/** Pods and the claims they refer to. */
import type { Pod, PodResourceClaim } from "../api/generated/core-v1.ts";
import type { ResourceClaim } from "../api/generated/resource-v1.ts";
import { controllerOf } from "../meta/owners.ts";

/** Keeps a claim that is allocated: devices are given back before it goes. */
export const claimFinalizer = "resource.kubernetes.io/delete-protection";
/** On a claim made from a template: for which of its pod's claims. */
export const podClaimAnnotation = "resource.kubernetes.io/pod-claim-name";
/** How many may use a claim at the same time. */
export const maxConsumers = 256;

/** The claim's name; undefined when there is none yet, null when the pod has been found to need none. */
export function claimNameOf(pod: Pod, claim: PodResourceClaim): string | null | undefined {
  if (claim.resourceClaimName !== undefined) return claim.resourceClaimName;
  const status = pod.status?.resourceClaimStatuses?.find(({ name }) => name === claim.name);
  return status && (status.resourceClaimName ?? null);
}

/** The names of the claims that the pod is known to use. */
export const claimNamesOf = (pod: Pod): string[] =>
  (pod.spec?.resourceClaims ?? []).flatMap((claim) => claimNameOf(pod, claim) ?? []);

export const isReservedFor = (claim: ResourceClaim, pod: Pod): boolean =>
  claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) ?? false;

export const consumerOf = (pod: Pod) => ({
  resource: "pods",
  name: pod.metadata.name ?? "",
  uid: pod.metadata.uid ?? "",
});

/** Whether the claim was made for this pod, and not by somebody for something else under the same name. */
export const isMadeFor = (claim: ResourceClaim, pod: Pod): boolean =>
  controllerOf(claim)?.uid === pod.metadata.uid;

/** Why a pod may not use the claim that its status names, in upstream's words; undefined when it may. */
export function claimProblem(
  pod: Pod,
  reference: PodResourceClaim,
  claim: ResourceClaim,
): string | undefined {
  if (reference.resourceClaimTemplateName === undefined || isMadeFor(claim, pod)) return undefined;
  const { namespace, name } = claim.metadata;
  return `ResourceClaim ${namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
}
