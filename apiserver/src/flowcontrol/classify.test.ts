import { afterEach, beforeEach, expect, it } from "vitest";
import type { RequestInfo, UserInfo } from "../request.ts";
import { createTestCluster, type TestCluster } from "../watch/test-cache.ts";
import { defaultFlowSchemas, priorityLevels } from "./bootstrap.ts";
import { createClassify, type Classify } from "./classify.ts";

const group = "flowcontrol.apiserver.k8s.io";
let cluster: TestCluster;
let classify: Classify;

beforeEach(async () => {
  cluster = await createTestCluster();
  classify = createClassify(cluster.cache);
  for (const level of priorityLevels) await put("prioritylevelconfigurations", level);
  for (const schema of defaultFlowSchemas) await put("flowschemas", schema);
});
afterEach(() => cluster.stop());

/** Objects whose uids are their names, to be read in expectations. */
const put = (resource: string, object: { metadata: object; spec?: unknown }) =>
  cluster.put(`${resource}.${group}`, {
    ...object,
    metadata: { ...object.metadata, uid: (object.metadata as { name: string }).name },
  });
const user = (username: string, ...groups: string[]): UserInfo => ({
  username,
  groups: [...groups, "system:authenticated"],
});
const robot = user("system:serviceaccount:kube-system:dns", "system:serviceaccounts");
const node = user("system:node:n1", "system:nodes");
const info = (more: Partial<RequestInfo>): RequestInfo => ({
  isResource: true,
  path: "",
  verb: "get",
  group: "",
  version: "v1",
  resource: "pods",
  subresource: "",
  namespace: "default",
  name: "",
  ...more,
});
const lease = info({ group: "coordination.k8s.io", resource: "leases", namespace: "kube-system" });
const path = (p: string): RequestInfo => info({ isResource: false, path: p, namespace: "", resource: "" });
const flow = (who: UserInfo, what: RequestInfo): string => {
  const found = classify(who, what);
  return `${found?.schema} → ${found?.level}`;
};

it("puts each client where upstream's defaults put it", () => {
  const anonymous = { username: "system:anonymous", groups: ["system:unauthenticated"] };
  expect(flow(user("root", "system:masters"), info({}))).toBe("exempt → exempt");
  expect(flow(anonymous, path("/healthz"))).toBe("probes → exempt");
  expect(flow(anonymous, path("/version"))).toBe("global-default → global-default");
  expect(flow(user("jane"), info({}))).toBe("global-default → global-default");
  expect(flow(user("system:kube-scheduler"), lease)).toBe("system-leader-election → leader-election");
  expect(flow(user("system:kube-scheduler"), info({}))).toBe("kube-scheduler → workload-high");
  expect(flow(robot, lease)).toBe("workload-leader-election → leader-election");
  expect(flow(robot, info({}))).toBe("kube-system-service-accounts → workload-high");
  const other = user("system:serviceaccount:default:x", "system:serviceaccounts");
  expect(flow(other, info({}))).toBe("service-accounts → workload-low");
  const status = info({ resource: "nodes", subresource: "status", namespace: "", verb: "patch" });
  expect(flow(node, status)).toBe("system-node-high → node-high");
  expect(flow(node, info({}))).toBe("system-nodes → system");
});

it("follows the schemas of the cluster's users, as long as their level exists", async () => {
  const schema = (level: string, matchingPrecedence: number) => ({
    metadata: { name: "mine" },
    spec: {
      matchingPrecedence,
      priorityLevelConfiguration: { name: level },
      rules: [
        {
          subjects: [{ kind: "User", user: { name: "jane" } }],
          resourceRules: [{ verbs: ["*"], apiGroups: [""], resources: ["pods"], namespaces: ["default"] }],
        },
      ],
    },
  });
  await put("flowschemas", schema("gold", 1000));
  expect(flow(user("jane"), info({}))).toBe("global-default → global-default");
  await put("prioritylevelconfigurations", { metadata: { name: "gold" }, spec: { type: "Limited" } });
  expect(flow(user("jane"), info({}))).toBe("mine → gold");
  expect(flow(user("joe"), info({}))).toBe("global-default → global-default");
  expect(flow(user("jane"), info({ namespace: "other" }))).toBe("global-default → global-default");
  expect(flow(user("jane"), info({ subresource: "log" }))).toBe("global-default → global-default");
  await put("flowschemas", schema("gold", 9950));
  expect(flow(user("jane"), info({}))).toBe("global-default → global-default");
});
