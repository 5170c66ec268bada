import type {
  FlowSchema,
  LimitedPriorityLevelConfiguration,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  ResourcePolicyRule,
  Subject,
} from "@coracle/shared/api/generated/flowcontrol-v1.ts";

/** Upstream's mandatory and suggested objects of API Priority and Fairness (its documentation lists them under "Defaults"). */

const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
/** The annotation that says whether an object is to follow the defaults. */
export const autoUpdate = "apf.kubernetes.io/autoupdate-spec";
const metadata = (name: string) => ({ name, annotations: { [autoUpdate]: "true" } });

/** Names of the schemas and levels that no cluster can do without. */
export const mandatory: ReadonlySet<string> = new Set(["exempt", "catch-all"]);

interface Share {
  readonly shares: number;
  readonly lendablePercent: number;
  /** How many queues; requests beyond the share are refused without. */
  readonly queues?: number;
  readonly handSize?: number;
}

function limited(
  name: string,
  { shares, lendablePercent, queues, handSize = 6 }: Share,
): PriorityLevelConfiguration {
  const limitResponse: LimitedPriorityLevelConfiguration["limitResponse"] = queues
    ? { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } }
    : { type: "Reject" };
  return {
    apiVersion,
    kind: "PriorityLevelConfiguration",
    metadata: metadata(name),
    spec: { type: "Limited", limited: { nominalConcurrencyShares: shares, lendablePercent, limitResponse } },
  };
}

export const priorityLevels: readonly PriorityLevelConfiguration[] = [
  {
    apiVersion,
    kind: "PriorityLevelConfiguration",
    metadata: metadata("exempt"),
    spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
  limited("catch-all", { shares: 5, lendablePercent: 0 }),
  limited("system", { shares: 30, lendablePercent: 33, queues: 64 }),
  limited("node-high", { shares: 40, lendablePercent: 25, queues: 64 }),
  limited("leader-election", { shares: 10, lendablePercent: 0, queues: 16, handSize: 4 }),
  limited("workload-high", { shares: 40, lendablePercent: 50, queues: 128 }),
  limited("workload-low", { shares: 100, lendablePercent: 90, queues: 128 }),
  limited("global-default", { shares: 20, lendablePercent: 50, queues: 128 }),
];

const user = (name: string): Subject => ({ kind: "User", user: { name } });
const group = (name: string): Subject => ({ kind: "Group", group: { name } });
const account = (name: string): Subject => ({
  kind: "ServiceAccount",
  serviceAccount: { namespace: "kube-system", name },
});
const everybody = [group("system:unauthenticated"), group("system:authenticated")];
const manager = user("system:kube-controller-manager");
const scheduler = user("system:kube-scheduler");

const all = ["*"];
const leaseVerbs = ["get", "create", "update"];
const resources = (
  verbs: string[],
  apiGroup: string,
  names: string[],
  scope: { namespaces?: string[]; clusterScope?: boolean } = { namespaces: all },
): ResourcePolicyRule => ({ verbs, apiGroups: [apiGroup], resources: names, ...scope });
const everyResource = resources(all, "*", all, { namespaces: all, clusterScope: true });
const everyPath = { verbs: all, nonResourceURLs: all };

/** Rules for all that these subjects ask. */
const anything = (...subjects: Subject[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [everyResource],
  nonResourceRules: [everyPath],
});

interface Schema {
  readonly name: string;
  readonly level: string;
  readonly precedence: number;
  readonly by?: "ByUser" | "ByNamespace";
  readonly rules: PolicyRulesWithSubjects[];
}

const schema = ({ name, level, precedence, by, rules }: Schema): FlowSchema => ({
  apiVersion,
  kind: "FlowSchema",
  metadata: metadata(name),
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by ? { distinguisherMethod: { type: by } } : {}),
    rules,
  },
});

const schemas: readonly Schema[] = [
  { name: "exempt", level: "exempt", precedence: 1, rules: [anything(group("system:masters"))] },
  {
    name: "probes",
    level: "exempt",
    precedence: 2,
    rules: [
      {
        subjects: everybody,
        nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
      },
    ],
  },
  {
    name: "system-leader-election",
    level: "leader-election",
    precedence: 100,
    by: "ByUser",
    rules: [
      {
        subjects: [manager, scheduler],
        resourceRules: [
          resources(leaseVerbs, "coordination.k8s.io", ["leases"], { namespaces: ["kube-system"] }),
        ],
      },
    ],
  },
  {
    name: "endpoint-controller",
    level: "workload-high",
    precedence: 150,
    by: "ByUser",
    rules: [
      {
        subjects: [manager, account("endpoint-controller"), account("endpointslicemirroring-controller")],
        resourceRules: [
          resources(["get", "create", "update"], "", ["endpoints"]),
          resources(["get", "create", "update"], "discovery.k8s.io", ["endpointslices"]),
        ],
      },
    ],
  },
  {
    name: "workload-leader-election",
    level: "leader-election",
    precedence: 200,
    by: "ByUser",
    rules: [
      { subjects: [account("*")], resourceRules: [resources(leaseVerbs, "coordination.k8s.io", ["leases"])] },
    ],
  },
  {
    name: "system-node-high",
    level: "node-high",
    precedence: 400,
    by: "ByUser",
    rules: [
      {
        subjects: [group("system:nodes")],
        resourceRules: [
          resources(all, "", ["nodes", "nodes/status"], { namespaces: all, clusterScope: true }),
          resources(all, "coordination.k8s.io", ["leases"]),
        ],
      },
    ],
  },
  {
    name: "system-nodes",
    level: "system",
    precedence: 500,
    by: "ByUser",
    rules: [anything(group("system:nodes"))],
  },
  {
    name: "kube-controller-manager",
    level: "workload-high",
    precedence: 800,
    by: "ByNamespace",
    rules: [anything(manager)],
  },
  {
    name: "kube-scheduler",
    level: "workload-high",
    precedence: 800,
    by: "ByNamespace",
    rules: [anything(scheduler)],
  },
  {
    name: "kube-system-service-accounts",
    level: "workload-high",
    precedence: 900,
    by: "ByNamespace",
    rules: [anything(account("*"))],
  },
  {
    name: "service-accounts",
    level: "workload-low",
    precedence: 9000,
    by: "ByUser",
    rules: [anything(group("system:serviceaccounts"))],
  },
  {
    name: "global-default",
    level: "global-default",
    precedence: 9900,
    by: "ByUser",
    rules: [anything(...everybody)],
  },
  {
    name: "catch-all",
    level: "catch-all",
    precedence: 10_000,
    by: "ByUser",
    rules: [anything(...everybody)],
  },
];

export const defaultFlowSchemas: readonly FlowSchema[] = schemas.map(schema);
