/** Which writes a rule is about; the same for webhooks and for policies. */
import type { NamedRuleWithOperations } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import type { Namespace } from "@coracle/shared/api/generated/core-v1.ts";
import type { LabelSelector } from "@coracle/shared/api/generated/meta-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { isEmptySelector, selectorMatches } from "../../kinds/shared/selector.ts";
import type { AdmissionContext, Attributes } from "../plugin.ts";

/** A rule as webhooks (without names) and policies have it. */
export type Rule = Partial<NamedRuleWithOperations>;

export interface Target {
  readonly rules: readonly Rule[];
  readonly excluded?: readonly Rule[] | undefined;
  readonly matchPolicy?: string | undefined;
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
}

const configurations = "admissionregistration.k8s.io";

/** Nothing stands between an operator and what decides about writes: a mistake there could not be taken back. */
export const isExempt = ({ kind }: Attributes): boolean => kind.group === configurations;

/** The version a write is in. */
export function versionOf({ object, oldObject, kind, body, version }: Attributes): string {
  if (body) return version ?? kind.storageVersion;
  const apiVersion = object?.apiVersion ?? oldObject?.apiVersion;
  return apiVersion ? (apiVersion.split("/").at(-1) ?? kind.storageVersion) : kind.storageVersion;
}

/**
 * The version in which a target wants to see a write: its own, or with `Equivalent` another that a rule names.
 * Undefined when no rule is about it.
 */
export function matchedVersion(target: Target, attributes: Attributes): string | undefined {
  const own = versionOf(attributes);
  const equivalent = target.matchPolicy !== "Exact";
  const versions = equivalent ? new Set([own, ...attributes.kind.versions]) : new Set([own]);
  const matches = (rules: readonly Rule[] | undefined): string | undefined => {
    for (const version of versions)
      if (rules?.some((rule) => ruleMatches(rule, attributes, version))) return version;
    return undefined;
  };
  return matches(target.excluded) === undefined ? matches(target.rules) : undefined;
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list?.some((item) => item === "*" || item === value) ?? false;

function ruleMatches(rule: Rule, attributes: Attributes, version: string): boolean {
  const { kind, operation, subresource, name } = attributes;
  if (!has(rule.operations, operation) || !has(rule.apiGroups, kind.group) || !has(rule.apiVersions, version))
    return false;
  const scope = kind.namespaced ? "Namespaced" : "Cluster";
  if (rule.scope !== undefined && rule.scope !== "*" && rule.scope !== scope) return false;
  if (rule.resourceNames?.length && !rule.resourceNames.includes(name)) return false;
  return rule.resources?.some((resource) => resourceMatches(resource, kind.plural, subresource)) ?? false;
}

/** `pods`, `pods/log`, `pods/*`, `*`, `*`/scale, `*`/`*`. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  const [itsResource = "", itsSubresource = ""] = pattern.split("/");
  return (
    (itsResource === "*" || itsResource === resource) &&
    (itsSubresource === "*" || itsSubresource === subresource)
  );
}

/** Whether the labels of the object and of its namespace are those wanted. */
export async function labelsMatch(
  target: Target,
  attributes: Attributes,
  ctx: Pick<AdmissionContext, "cache" | "store">,
): Promise<boolean> {
  const { namespaceSelector, objectSelector } = target;
  if (objectSelector && !isEmptySelector(objectSelector)) {
    const matches = (object: KubeObject | undefined): boolean =>
      object !== undefined && selectorMatches(objectSelector, object.metadata?.labels ?? {});
    if (!matches(attributes.object) && !matches(attributes.oldObject)) return false;
  }
  if (!namespaceSelector || isEmptySelector(namespaceSelector)) return true;
  if (attributes.kind.storage === "namespaces") {
    const object = attributes.object ?? attributes.oldObject;
    return selectorMatches(namespaceSelector, object?.metadata.labels ?? {});
  }
  // What is in no namespace is never left out for the labels of one.
  if (!attributes.kind.namespaced) return true;
  const namespace = await namespaceOf(attributes.namespace, ctx);
  return selectorMatches(namespaceSelector, namespace?.metadata.labels ?? {});
}

/** From the cache, or from the store when another server has just made it. */
export async function namespaceOf(
  name: string,
  { cache, store }: Pick<AdmissionContext, "cache" | "store">,
): Promise<Namespace | undefined> {
  const key = { resource: "namespaces", namespace: "", name };
  const known = cache.get(key)?.object as Namespace | undefined;
  if (known) return known;
  const stored = await store.get(key);
  return stored && (JSON.parse(stored.body) as Namespace);
}
