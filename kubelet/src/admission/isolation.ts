/** What this node's engine cannot isolate a pod by: better refused than run with less protection than its author asked for. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { Refusal } from "../admit.ts";
import { refuseSysctls } from "./sysctls.ts";

export interface IsolationFacts {
  /** The engine confines containers by AppArmor. */
  readonly apparmor: boolean;
  /** Names and prefixes (`kernel.msg*`) of settings that the operator allows beside the safe ones. */
  readonly unsafeSysctls: readonly string[];
}

const wantsAppArmor = ({ spec }: Pod): boolean =>
  [
    spec?.securityContext,
    ...[...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map((c) => c.securityContext),
  ].some((context) => context?.appArmorProfile && context.appArmorProfile.type !== "Unconfined");

/** Undefined when the node can isolate the pod as it asks. */
export function refuseForIsolation(pod: Pod, facts: IsolationFacts): Refusal | undefined {
  const sysctls = refuseSysctls(pod, facts.unsafeSysctls);
  if (sysctls) return sysctls;
  if (wantsAppArmor(pod) && !facts.apparmor)
    return {
      reason: "AppArmor",
      message: "Cannot enforce AppArmor: AppArmor is not enabled on the host",
    };
  return undefined;
}
