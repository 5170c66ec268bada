import type { Admit } from "../registry/registry.ts";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { defaultIngressClass, defaultStorageClass } from "./default-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { persistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import type { AdmissionContext, AdmissionPlugin, Attributes } from "./plugin.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import { podTolerationRestriction } from "./pod-toleration-restriction.ts";
import { priority } from "./priority.ts";
import { rbacEscalation } from "./rbac-escalation.ts";
import { createResourceQuota } from "./resource-quota/resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";

export interface AdmissionChainOptions {
  /** Comma-separated plugin names: CORACLE_ENABLE_ADMISSION_PLUGINS and CORACLE_DISABLE_ADMISSION_PLUGINS. */
  readonly enable?: string | undefined;
  readonly disable?: string | undefined;
  /** Plugins that call webhooks or evaluate policies: after the mutating ones above, before quotas are charged. */
  readonly dynamic?: readonly AdmissionPlugin[];
}

/** The plugins in order. What charges quotas comes last: nothing may be refused after it. */
const chain = (dynamic: readonly AdmissionPlugin[]): readonly AdmissionPlugin[] => [
  namespaceLifecycle,
  limitRanger,
  serviceAccount,
  nodeRestriction,
  taintNodesByCondition,
  podSecurity,
  priority,
  defaultTolerationSeconds,
  podTolerationRestriction,
  defaultStorageClass,
  storageObjectInUseProtection,
  persistentVolumeClaimResize,
  runtimeClass,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  defaultIngressClass,
  rbacEscalation,
  ...dynamic,
  createResourceQuota(),
];

const offByDefault = new Set(["PodTolerationRestriction"]);
const alwaysOn = new Set(["NamespaceLifecycle", "RBACEscalation"]);

/** @throws Error for a name that no plugin has, or for switching off what keeps the cluster safe */
export function selectPlugins(options: AdmissionChainOptions = {}): readonly AdmissionPlugin[] {
  const all = chain(options.dynamic ?? []);
  const known = new Set(all.map((p) => p.name));
  const names = (text: string | undefined): Set<string> =>
    new Set((text ?? "").split(",").flatMap((n) => (n.trim() ? [n.trim()] : [])));
  const enabled = names(options.enable);
  const disabled = names(options.disable);
  for (const name of [...enabled, ...disabled]) {
    if (!known.has(name))
      throw new Error(`there is no admission plugin ${name}; there are ${[...known].join(", ")}`);
    if (enabled.has(name) && disabled.has(name))
      throw new Error(`admission plugin ${name} is both on and off`);
  }
  for (const name of alwaysOn)
    if (disabled.has(name)) throw new Error(`admission plugin ${name} cannot be off`);
  return all.filter((p) => !disabled.has(p.name) && (enabled.has(p.name) || !offByDefault.has(p.name)));
}

/** The admission chain as the registry calls it: each phase in order, each plugin only for what it handles. */
export function createAdmit(ctx: AdmissionContext, plugins: readonly AdmissionPlugin[]): Admit {
  const run = async (
    phase: "mutate" | "validate",
    attributes: Attributes,
    rest: readonly AdmissionPlugin[],
    pending: Promise<void | "changed">,
  ): Promise<void> => {
    let changed = (await pending) === "changed";
    for (const plugin of rest) {
      if (!plugin.handles(attributes)) continue;
      const result = plugin[phase]?.(attributes, ctx);
      if (result && (await result) === "changed") changed = true;
    }
    if (!changed) return;
    for (const plugin of mutating) if (plugin.handles(attributes)) await plugin.mutate?.(attributes, ctx);
  };
  const mutating = plugins.filter((p) => "mutate" in p);
  const validating = plugins.filter((p) => "validate" in p);
  return (phase, attributes) => {
    const active = phase === "mutate" ? mutating : validating;
    // Most writes need no waiting: a promise is made only once a plugin gives one.
    for (const [i, plugin] of active.entries()) {
      if (!plugin.handles(attributes)) continue;
      const result = plugin[phase]?.(attributes, ctx);
      if (result) return run(phase, attributes, active.slice(i + 1), result);
    }
    return undefined;
  };
}
