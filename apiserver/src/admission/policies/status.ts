/** Writes what the type check found into the status of validating policies. */
import type { ValidatingAdmissionPolicy } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { validatingAdmissionPolicies as kind } from "../../kinds/validatingadmissionpolicies/kind.ts";
import { followKind } from "../../registry/follow.ts";
import type { Registry } from "../../registry/registry.ts";
import { rewriteObject } from "../../registry/rewrite.ts";
import { expressionWarnings } from "./type-check.ts";

const isUnchecked = ({ metadata, status }: ValidatingAdmissionPolicy): boolean =>
  status?.observedGeneration !== metadata.generation;

/** Checks every policy once for each of its generations, as upstream's controller does. */
export function startPolicyStatus(registry: Registry, log: Logger | undefined, signal: AbortSignal): void {
  followKind(registry, {
    kind,
    wants: isUnchecked,
    reconcile: (name) => check(registry, name),
    log,
    signal,
  });
}

async function check(registry: Registry, name: string): Promise<void> {
  const found = registry.cache.get({ resource: kind.storage, namespace: "", name });
  if (!found || !isUnchecked(found.object)) return;
  try {
    await rewriteObject(registry, {
      kind,
      namespace: "",
      name,
      dryRun: false,
      change: (object) => {
        const policy = object as ValidatingAdmissionPolicy;
        const warnings = expressionWarnings(policy, registry.resources);
        policy.status = {
          ...policy.status,
          observedGeneration: policy.metadata.generation ?? 0,
          typeChecking: warnings.length > 0 ? { expressionWarnings: warnings } : {},
        };
      },
    });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
  }
}
