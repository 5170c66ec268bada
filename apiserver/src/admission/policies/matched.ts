/** Policies, their bindings and parameters, as far as they are about one write. */
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { selectorMatches } from "../../kinds/shared/selector.ts";
import type { ResourceTable, ServedResource } from "../../registry/resources.ts";
import type { AdmissionContext, Attributes } from "../plugin.ts";
import { isExempt, labelsMatch, matchedVersion, type Target } from "../webhooks/match.ts";
import { inVersion } from "../webhooks/versions.ts";

export type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
export type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

export interface PolicyStorages {
  readonly policies: string;
  readonly bindings: string;
}

export interface MatchedPolicy<P, B> {
  readonly policy: P;
  readonly name: string;
  /** In which the policy wants to see the write. */
  readonly version: string;
  readonly bindings: readonly B[];
}

/** Reviews are questions, not writes. */
const unasked = new Set(["authentication.k8s.io", "authorization.k8s.io"]);

/** Whether policies have anything to say about a kind at all. */
export const mayConcern = ({ kind }: Attributes): boolean =>
  kind.group !== "admissionregistration.k8s.io" && !unasked.has(kind.group);

const targetOf = (match: MatchResources | undefined): Target => ({
  rules: match?.resourceRules ?? [],
  excluded: match?.excludeResourceRules,
  matchPolicy: match?.matchPolicy,
  namespaceSelector: match?.namespaceSelector,
  objectSelector: match?.objectSelector,
});

/** Policies in the order of their names, each with those of its bindings that are about the write. */
export async function matchPolicies<P extends Policy, B extends Binding>(
  { policies, bindings }: PolicyStorages,
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<MatchedPolicy<P, B>[]> {
  if (isExempt(attributes)) return [];
  const found: MatchedPolicy<P, B>[] = [];
  const all = [...ctx.cache.all(policies)].toSorted((a, b) => (a.key.name < b.key.name ? -1 : 1));
  for (const { object, key } of all) {
    const policy = object as unknown as P;
    const target = targetOf(policy.spec?.matchConstraints);
    const version = matchedVersion(target, attributes);
    if (version === undefined || !(await labelsMatch(target, attributes, ctx))) continue;
    const matched: B[] = [];
    for (const item of ctx.cache.all(bindings)) {
      const binding = item.object as unknown as B;
      if (binding.spec?.policyName === key.name && (await bindingMatches(binding, attributes, ctx)))
        matched.push(binding);
    }
    if (matched.length > 0) found.push({ policy, name: key.name, version, bindings: matched });
  }
  return found;
}

async function bindingMatches(
  binding: Binding,
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<boolean> {
  const match = binding.spec?.matchResources;
  if (!match) return true;
  const target = targetOf(match);
  // Without rules of its own a binding is about all that its policy is about.
  if (target.rules.length > 0 && matchedVersion(target, attributes) === undefined) return false;
  return labelsMatch(target, attributes, ctx);
}

interface ParamQuery {
  readonly kind: ParamKind | undefined;
  readonly ref: ParamRef | undefined;
  readonly namespace: string;
}

/**
 * The parameters of a binding: one evaluation for each; `[null]` for a policy that takes none.
 * @throws Error when there are none and there must be
 */
export async function paramsOf(
  resources: ResourceTable,
  ctx: AdmissionContext,
  { kind, ref, namespace }: ParamQuery,
): Promise<readonly (KubeObject | null)[]> {
  if (!kind || !ref) return [null];
  const [version = "", group = ""] = (kind.apiVersion ?? "").split("/").toReversed();
  const served = resources.findKind(group, version, kind.kind ?? "");
  if (!served)
    throw new Error(
      `failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'`,
    );
  const found = await findParams(served, ctx, { ref, namespace, resources });
  if (found.length > 0) return found;
  if (ref.parameterNotFoundAction === "Allow") return [];
  throw new Error("no params found for policy binding with `Deny` parameterNotFoundAction");
}

async function findParams(
  { kind, version }: ServedResource,
  { cache }: AdmissionContext,
  { ref, namespace, resources }: { ref: ParamRef; namespace: string; resources: ResourceTable },
): Promise<KubeObject[]> {
  const where = kind.namespaced ? (ref.namespace ?? namespace) : "";
  if (kind.namespaced && where === "")
    throw new Error("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
  const items = ref.name
    ? [cache.get({ resource: kind.storage, namespace: where, name: ref.name })]
    : cache.list(kind.storage, where ? { namespace: where } : {}).items;
  const wanted = items.flatMap((item) =>
    item && (ref.name || selectorMatches(ref.selector, item.object.metadata.labels ?? {}))
      ? [item.object]
      : [],
  );
  return Promise.all(wanted.map((object) => inVersion(resources, kind, object, version)));
}
