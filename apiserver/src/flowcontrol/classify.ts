import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  ResourcePolicyRule,
  Subject,
} from "@coracle/shared/api/generated/flowcontrol-v1.ts";
import { serviceAccountUser } from "../authn/groups.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import type { WatchCache } from "../watch/cache.ts";

/** What a request falls under; the uids are told to clients in headers, as upstream does. */
export interface Flow {
  readonly schema: string;
  readonly level: string;
  readonly schemaName: string;
  readonly levelName: string;
  /** What tells the flows of the schema apart; without it they are one. */
  readonly distinguisher?: "ByUser" | "ByNamespace" | undefined;
}

/** Finds the FlowSchema of a request and the priority level it belongs to. */
export type Classify = (user: UserInfo, info: RequestInfo) => Flow | undefined;

const group = "flowcontrol.apiserver.k8s.io";
const storage = { schemas: `flowschemas.${group}`, levels: `prioritylevelconfigurations.${group}` } as const;

interface Candidate {
  readonly flow: Flow;
  readonly precedence: number;
  readonly rules: readonly PolicyRulesWithSubjects[];
}

/**
 * The schema with the lowest precedence number whose rules match, by name among equals. One that refers to a priority level that
 * does not exist counts for nothing.
 */
export function createClassify(cache: Pick<WatchCache, "all" | "onChange" | "get">): Classify {
  let candidates: readonly Candidate[] | undefined;
  cache.onChange(({ current: { key } }) => {
    if (key.resource === storage.schemas || key.resource === storage.levels) candidates = undefined;
  });
  return (user, info) => {
    candidates ??= readCandidates(cache);
    return candidates.find(({ rules }) => rules.some((rule) => matches(rule, user, info)))?.flow;
  };
}

function readCandidates(cache: Pick<WatchCache, "all" | "get">): Candidate[] {
  const found: Candidate[] = [];
  for (const { object, key } of cache.all(storage.schemas)) {
    const { metadata, spec } = object as unknown as FlowSchema;
    const name = spec?.priorityLevelConfiguration.name ?? "";
    const level = cache.get({ resource: storage.levels, namespace: "", name })?.object as
      | PriorityLevelConfiguration
      | undefined;
    if (!spec || !level) continue;
    found.push({
      flow: {
        schema: metadata.uid ?? "",
        level: level.metadata.uid ?? "",
        schemaName: key.name,
        levelName: name,
        distinguisher: spec.distinguisherMethod?.type as Flow["distinguisher"],
      },
      precedence: spec.matchingPrecedence ?? 0,
      rules: spec.rules ?? [],
    });
  }
  return found.toSorted(
    (a, b) => a.precedence - b.precedence || (a.flow.schemaName < b.flow.schemaName ? -1 : 1),
  );
}

const matches = (rule: PolicyRulesWithSubjects, user: UserInfo, info: RequestInfo): boolean =>
  rule.subjects.some((subject) => matchesSubject(subject, user)) &&
  (info.isResource
    ? (rule.resourceRules?.some((r) => matchesResource(r, info)) ?? false)
    : (rule.nonResourceRules?.some((r) => matchesPath(r, info)) ?? false));

function matchesSubject({ kind, user: one, group: of, serviceAccount }: Subject, user: UserInfo): boolean {
  switch (kind) {
    case "User":
      return one !== undefined && (one.name === "*" || one.name === user.username);
    case "Group":
      return of !== undefined && (of.name === "*" || user.groups.includes(of.name));
    case "ServiceAccount": {
      if (!serviceAccount) return false;
      const { namespace, name } = serviceAccount;
      if (name === "*") return user.username.startsWith(serviceAccountUser(namespace, ""));
      return user.username === serviceAccountUser(namespace, name);
    }
    default:
      return false;
  }
}

const includes = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(value) || list.includes("*"));

function matchesResource(rule: ResourcePolicyRule, info: RequestInfo): boolean {
  const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return (
    includes(rule.verbs, info.verb) &&
    includes(rule.apiGroups, info.group) &&
    includes(rule.resources, resource) &&
    (info.namespace ? includes(rule.namespaces, info.namespace) : (rule.clusterScope ?? false))
  );
}

const matchesPath = (rule: NonResourcePolicyRule, info: RequestInfo): boolean =>
  includes(rule.verbs, info.verb) &&
  rule.nonResourceURLs.some(
    (url) =>
      url === "*" || url === info.path || (url.endsWith("/*") && info.path.startsWith(url.slice(0, -1))),
  );
