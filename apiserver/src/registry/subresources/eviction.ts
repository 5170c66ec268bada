import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Eviction, PodDisruptionBudget } from "@coracle/shared/api/generated/policy-v1.ts";
import { ApiError, badRequest } from "@coracle/shared/errors.ts";
import { selectorFromObject } from "@coracle/shared/meta/labels.ts";
import type { ApiResponse } from "../../request.ts";
import { admitMutate, admitValidate } from "../admission.ts";
import { timestamp } from "../create-object.ts";
import { deleteObject, deletionConflict } from "../delete-object.ts";
import { validateDeletion, type Deletion } from "../delete-options.ts";
import { readNamed } from "../get.ts";
import type { Call, Registry } from "../registry.ts";
import { rewriteObject } from "../rewrite.ts";
import { bodyKind, readAction } from "./body-kind.ts";
import { charge, mayIgnoreBudget } from "./disruption-budget.ts";
import type { Subresource } from "./subresource.ts";
import { respondSuccess } from "./success.ts";

const served = bodyKind("policy", "v1", "Eviction");
const budgets = "poddisruptionbudgets.policy";

/** POST pods/x/eviction: a deletion that its disruption budget agrees to. */
export const eviction: Subresource = {
  verbs: { create },
  kind: { group: "policy", version: "v1", kind: "Eviction" },
};

async function create(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, info, user, warn } = call;
  // Clients from before 1.22 send the version that came before.
  const { body, options } = readAction(registry, call, served, "policy/v1beta1");
  if (body.metadata.name && body.metadata.name !== info.name) {
    throw badRequest(`name in URL does not match name in Eviction object: ${body.metadata.name}`);
  }
  const wish = (body as Eviction).deleteOptions;
  const deletion = validateDeletion({
    ...wish,
    ...(options.dryRun ? { dryRun: ["All"] } : {}),
  });
  const scope = {
    operation: "CREATE" as const,
    kind: call.served.kind,
    subresource: "eviction",
    namespace: info.namespace,
    name: info.name,
    user,
    dryRun: deletion.dryRun,
    options: options.given,
    body: eviction.kind,
    version: call.served.version,
    warn,
  };
  await admitValidate(registry, scope, await admitMutate(registry, scope, body));
  const pod = (await readNamed(registry, call)).object as Pod;
  if (!mayIgnoreBudget(pod)) await agree(registry, pod, deletion.dryRun);
  // The pod that the budget was charged for, and no other of its name.
  const agreed = { ...deletion, uid: deletion.uid ?? pod.metadata.uid };
  await deleteObject(registry, {
    served: call.served,
    namespace: info.namespace,
    name: info.name,
    user,
    warn,
    deletion: agreed.dryRun ? agreed : await announce(registry, call, agreed),
  });
  return respondSuccess(request, 201);
}

/**
 * Says in the pod's status that it is evicted, so that its owner can tell this from a failure of its own.
 * @returns the deletion of the pod as it is with that @throws ApiError 404, 409
 */
async function announce(
  registry: Registry,
  { served: pods, info }: Call,
  deletion: Deletion,
): Promise<Deletion> {
  const { namespace, name } = info;
  const written = await rewriteObject(registry, {
    kind: pods.kind,
    namespace,
    name,
    dryRun: false,
    fresh: true,
    change: (object, current) => {
      const refused = deletionConflict({ served: pods, name, deletion }, current);
      if (refused) throw refused;
      markEvicted(object, registry.now());
    },
  });
  return deletion.resourceVersion === undefined
    ? deletion
    : { ...deletion, resourceVersion: String(written.revision) };
}

function markEvicted(pod: Pod, now: Date): void {
  const conditions = pod.status?.conditions ?? [];
  const before = conditions.find((c) => c.type === "DisruptionTarget");
  pod.status = {
    ...pod.status,
    conditions: [
      ...conditions.filter((c) => c !== before),
      {
        type: "DisruptionTarget",
        observedGeneration: pod.metadata.generation,
        status: "True",
        lastTransitionTime: (before?.status === "True" && before.lastTransitionTime) || timestamp(now),
        reason: "EvictionByEvictionAPI",
        message: "Eviction API: evicting",
      },
    ],
  };
}

/** Charges the pod's budget, if it has one. @throws ApiError 429 when that allows no disruption now */
async function agree(registry: Registry, pod: Pod, dryRun: boolean): Promise<void> {
  const [budget, ...others] = budgetsOf(registry, pod);
  if (others.length > 0) {
    // Upstream gives no reason here, and clients print the sentence as it is.
    throw new ApiError(
      500,
      "",
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    );
  }
  const kind = registry.resources.byStorage(budgets);
  if (!budget || !kind || !charge(structuredClone(budget), pod, registry.now())) return;
  await rewriteObject(registry, {
    kind,
    namespace: budget.metadata.namespace ?? "",
    name: budget.metadata.name ?? "",
    dryRun,
    change: (object) => void charge(object, pod, registry.now()),
  });
}

function budgetsOf(registry: Registry, pod: Pod): PodDisruptionBudget[] {
  const found: PodDisruptionBudget[] = [];
  for (const { object } of registry.cache.list(budgets, { namespace: pod.metadata.namespace ?? "" }).items) {
    const budget = object as PodDisruptionBudget;
    if (selectorFromObject(budget.spec?.selector).matches(pod.metadata.labels)) found.push(budget);
  }
  return found;
}
