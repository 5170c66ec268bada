import { parse } from "yaml";
import type { RequestInfo, UserInfo } from "../request.ts";

export const auditLevels = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type AuditLevel = (typeof auditLevels)[number];
export const auditStages = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type AuditStage = (typeof auditStages)[number];

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** A rule of upstream's audit Policy (audit.k8s.io/v1): the first that matches decides. */
export interface AuditRule {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly AuditStage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages: readonly AuditStage[];
  /** For rules that do not say. */
  readonly omitManagedFields: boolean;
}

/**
 * Reads an audit Policy file.
 * @throws Error that says where it is wrong
 */
export function parseAuditPolicy(text: string): AuditPolicy {
  const file = parse(text) as PolicyFile | null;
  if (file?.kind !== "Policy") throw new Error("audit policy: kind must be Policy");
  if (!Array.isArray(file.rules) || file.rules.length === 0)
    throw new Error("audit policy: rules must not be empty");
  for (const [i, rule] of (file.rules as AuditRule[]).entries()) {
    if (!auditLevels.includes(rule.level)) {
      throw new Error(`audit policy: rules[${i}].level must be one of ${auditLevels.join(", ")}`);
    }
    checkStages(rule.omitStages, `rules[${i}].omitStages`);
    if (rule.nonResourceURLs && rule.resources) {
      throw new Error(`audit policy: rules[${i}] cannot have both resources and nonResourceURLs`);
    }
  }
  const omitStages = file.omitStages as AuditStage[] | undefined;
  checkStages(omitStages, "omitStages");
  return {
    rules: file.rules as AuditRule[],
    omitStages: omitStages ?? [],
    omitManagedFields: file.omitManagedFields === true,
  };
}

interface PolicyFile {
  readonly kind?: unknown;
  readonly rules?: unknown;
  readonly omitStages?: unknown;
  readonly omitManagedFields?: unknown;
}

function checkStages(stages: readonly AuditStage[] | undefined, at: string): void {
  for (const stage of stages ?? []) {
    if (!auditStages.includes(stage))
      throw new Error(`audit policy: ${at} has no stage ${JSON.stringify(stage)}`);
  }
}

export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
  /** Whether the rule is about certain resources. */
  readonly namesResources: boolean;
}

/** What is to be recorded of a request. */
export function auditDecision(policy: AuditPolicy, user: UserInfo, info: RequestInfo): AuditDecision {
  const rule = policy.rules.find((r) => matches(r, user, info));
  return {
    level: rule?.level ?? "None",
    omitStages: new Set([...policy.omitStages, ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields,
    namesResources: (rule?.resources?.length ?? 0) > 0,
  };
}

function matches(rule: AuditRule, user: UserInfo, info: RequestInfo): boolean {
  const any = (list: readonly string[] | undefined, has: (value: string) => boolean): boolean =>
    !list?.length || list.some(has);
  if (!any(rule.users, (u) => u === user.username)) return false;
  if (!any(rule.userGroups, (g) => user.groups.includes(g))) return false;
  if (!any(rule.verbs, (v) => v === info.verb)) return false;
  if (!rule.resources?.length && !rule.namespaces?.length && !rule.nonResourceURLs?.length) return true;
  if (!info.isResource) return rule.nonResourceURLs?.some((url) => coversPath(url, info.path)) ?? false;
  if (rule.nonResourceURLs?.length) return false;
  if (!any(rule.namespaces, (n) => n === info.namespace)) return false;
  return !rule.resources?.length || rule.resources.some((r) => coversResource(r, info));
}

const coversPath = (url: string, path: string): boolean =>
  url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1)));

function coversResource(rule: GroupResources, info: RequestInfo): boolean {
  if ((rule.group ?? "") !== info.group) return false;
  if (rule.resourceNames?.length && !rule.resourceNames.includes(info.name)) return false;
  if (!rule.resources?.length) return true;
  const whole = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return rule.resources.some(
    (r) =>
      r === whole ||
      r === "*" ||
      (info.subresource !== "" && (r === `*/${info.subresource}` || r === `${info.resource}/*`)),
  );
}
