import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import type { RequestInfo } from "../request.ts";

const includes = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes("*") || list.includes(value));

/** Whether the resources of a rule cover a resource, or `resource/subresource`. A star before a slash covers that subresource of all. */
export function coversResource(
  resources: readonly string[] | undefined,
  resource: string,
  subresource: string,
): boolean {
  if (!resources) return false;
  const whole = subresource ? `${resource}/${subresource}` : resource;
  return resources.some((r) => r === "*" || r === whole || (subresource !== "" && r === `*/${subresource}`));
}

const coversUrl = (urls: readonly string[] | undefined, path: string): boolean =>
  urls?.some(
    (url) => url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))),
  ) ?? false;

/** Whether one rule allows a request. */
export function ruleAllows(rule: PolicyRule, info: RequestInfo): boolean {
  if (!includes(rule.verbs, info.verb)) return false;
  if (!info.isResource) return coversUrl(rule.nonResourceURLs, info.path);
  return (
    includes(rule.apiGroups, info.group) &&
    coversResource(rule.resources, info.resource, info.subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(info.name))
  );
}

export const rulesAllow = (rules: readonly PolicyRule[], info: RequestInfo): boolean =>
  rules.some((rule) => ruleAllows(rule, info));

/** The rules that together say the same, each with one verb, one group and one resource (or one path). */
function* breakdown(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const one = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (!rule.resourceNames?.length) yield one;
        for (const name of rule.resourceNames ?? []) yield { ...one, resourceNames: [name] };
      }
    }
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
  }
}

function ruleCovers(owner: PolicyRule, wanted: PolicyRule): boolean {
  const [verb = ""] = wanted.verbs;
  if (!includes(owner.verbs, verb)) return false;
  const [url] = wanted.nonResourceURLs ?? [];
  if (url !== undefined) return coversUrl(owner.nonResourceURLs, url);
  const [resource = "", ...sub] = (wanted.resources?.[0] ?? "").split("/");
  return (
    includes(owner.apiGroups, wanted.apiGroups?.[0] ?? "") &&
    coversResource(owner.resources, resource, sub.join("/")) &&
    (!owner.resourceNames?.length ||
      (wanted.resourceNames !== undefined &&
        wanted.resourceNames.every((n) => owner.resourceNames?.includes(n))))
  );
}

/** What of `wanted` the owner's rules do not give; empty when they cover it all. */
export function uncovered(owner: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing: PolicyRule[] = [];
  for (const rule of wanted) {
    for (const part of breakdown(rule)) {
      if (!owner.some((o) => ruleCovers(o, part))) missing.push(part);
    }
  }
  return compact(missing);
}

/** Joins rules that differ only in their verbs. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule>();
  for (const { verbs, ...rest } of rules) {
    const id = JSON.stringify([rest.apiGroups, rest.resources, rest.resourceNames, rest.nonResourceURLs]);
    const have = joined.get(id);
    if (have) have.verbs = [...new Set([...have.verbs, ...verbs])];
    else joined.set(id, { ...rest, verbs: [...verbs] });
  }
  return [...joined.values()];
}

/** A rule as upstream's messages print it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function printRule(rule: PolicyRule): string {
  const quote = (list: readonly string[]): string => `[${list.map((v) => JSON.stringify(v)).join(" ")}]`;
  const part = (name: string, list: readonly string[] | undefined): string[] =>
    list?.length ? [`${name}:${quote(list).replaceAll('" "', '", "')}`] : [];
  return `{${[
    ...part("NonResourceURLs", rule.nonResourceURLs),
    ...part("APIGroups", rule.apiGroups),
    ...part("Resources", rule.resources),
    ...part("ResourceNames", rule.resourceNames),
    ...part("Verbs", rule.verbs),
  ].join(", ")}}`;
}
