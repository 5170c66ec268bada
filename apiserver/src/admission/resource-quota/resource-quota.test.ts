import type { ResourceQuota } from "@coracle/shared/api/generated/core-v1.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestAdmission, type TestAdmission } from "../test-admission.ts";
import { createResourceQuota } from "./resource-quota.ts";

let admission: TestAdmission;
beforeEach(async () => {
  admission = await createTestAdmission(createResourceQuota());
});
afterEach(() => admission.stop());

const quota = (hard: Record<string, string>, spec: object = {}, name = "q") =>
  admission.put("resourcequotas", {
    metadata: { name, namespace: "ns" },
    spec: { hard, ...spec },
    status: { hard, used: Object.fromEntries(Object.keys(hard).map((k) => [k, "0"])) },
  });
const used = async (name = "q"): Promise<Record<string, string> | undefined> => {
  const stored = await admission.store.get({ resource: "resourcequotas", namespace: "ns", name });
  return (JSON.parse(stored?.body ?? "{}") as ResourceQuota).status?.used;
};
const pod = (name: string, resources: object = {}, spec: object = {}) => ({
  metadata: { name, namespace: "ns" },
  spec: { containers: [{ name: "c", resources }], ...spec },
});
const create = (object: object, to = "pods", more: object = {}) => admission.refusal({ to, object, ...more });

describe("ResourceQuota", () => {
  it("charges what is made and refuses what would be too much, in upstream's words", async () => {
    await quota({ pods: "2", "requests.cpu": "1", "limits.memory": "1Gi" });
    const resources = { requests: { cpu: "400m", memory: "1Mi" }, limits: { memory: "512Mi", cpu: "1" } };
    expect(await create(pod("a", resources))).toBe("admitted");
    expect(await used()).toEqual({ pods: "1", "requests.cpu": "400m", "limits.memory": "512Mi" });
    expect(await create(pod("b", { ...resources, requests: { cpu: "700m" } }))).toBe(
      'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=700m, used: requests.cpu=400m, limited: requests.cpu=1',
    );
    expect(await create(pod("b", resources))).toBe("admitted");
    expect(await create(pod("c", resources))).toBe(
      'pods "c" is forbidden: exceeded quota: q, requested: limits.memory=512Mi,pods=1,requests.cpu=400m, used: limits.memory=1Gi,pods=2,requests.cpu=800m, limited: limits.memory=1Gi,pods=2,requests.cpu=1',
    );
    expect(await used()).toEqual({ pods: "2", "requests.cpu": "800m", "limits.memory": "1Gi" });
  });

  it("demands that pods state what is limited", async () => {
    await quota({ cpu: "1", "limits.memory": "1Gi" });
    expect(await create(pod("a"))).toBe(
      'pods "a" is forbidden: failed quota: q: must specify cpu for: c; limits.memory for: c',
    );
  });

  it("never lets writers at the same time exceed it together", async () => {
    await quota({ "count/configmaps": "10" });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        create({ metadata: { name: `c${i}`, namespace: "ns" } }, "configmaps"),
      ),
    );
    expect(results.filter((r) => r === "admitted")).toHaveLength(10);
    expect(await used()).toEqual({ "count/configmaps": "10" });
  });

  it("never lets replicas exceed it together", async () => {
    await quota({ configmaps: "10" });
    const { store } = admission;
    // A second process: its own queue, the same store and cache.
    const other = createResourceQuota();
    const attributes = (i: number) => ({
      operation: "CREATE",
      kind: { storage: "configmaps", group: "", plural: "configmaps" },
      resource: "configmaps",
      subresource: "",
      namespace: "ns",
      name: `d${i}`,
      object: { metadata: { name: `d${i}`, namespace: "ns" } },
      user: { username: "x", groups: [] },
      dryRun: false,
      warn: () => undefined,
    });
    const ofOther = Array.from({ length: 20 }, async (_, i) => {
      try {
        await other.validate?.(attributes(i) as never, { ...admission, store } as never);
        return "admitted";
      } catch {
        return "refused";
      }
    });
    const ofThis = Array.from({ length: 20 }, (_, i) =>
      create({ metadata: { name: `c${i}`, namespace: "ns" } }, "configmaps"),
    );
    const results = await Promise.all([...ofThis, ...ofOther]);
    expect(results.filter((r) => r === "admitted")).toHaveLength(10);
  });

  it("charges no quota when another refuses, and none on a dry run", async () => {
    await quota({ secrets: "5" }, {}, "a");
    await quota({ "count/secrets": "0" }, {}, "b");
    const secret = { metadata: { name: "s", namespace: "ns" } };
    expect(await create(secret, "secrets")).toContain("exceeded quota: b, requested: count/secrets=1");
    expect(await used("a")).toEqual({ secrets: "0" });
    await quota({ "count/secrets": "9" }, {}, "b");
    expect(await create(secret, "secrets", { dryRun: true })).toBe("admitted");
    expect([await used("a"), await used("b")]).toEqual([{ secrets: "0" }, { "count/secrets": "0" }]);
  });

  it("counts services by kind, claims by class, any resource by name, and what an update adds", async () => {
    await quota({
      services: "5",
      "services.nodeports": "2",
      "requests.storage": "10Gi",
      "fast.storageclass.storage.k8s.io/requests.storage": "3Gi",
      "count/deployments.apps": "1",
    });
    const service = (type: string, ports: number) => ({
      metadata: { name: "s", namespace: "ns" },
      spec: { type, ports: Array.from({ length: ports }, (_, i) => ({ port: i + 1 })) },
    });
    expect(await create(service("ClusterIP", 3), "services")).toBe("admitted");
    expect(
      await admission.refusal({
        to: "services",
        old: service("ClusterIP", 3),
        object: service("NodePort", 3),
      }),
    ).toContain("requested: services.nodeports=3, used: services.nodeports=0, limited: services.nodeports=2");
    expect(
      await admission.refusal({
        to: "services",
        old: service("ClusterIP", 3),
        object: service("NodePort", 2),
      }),
    ).toBe("admitted");
    expect(
      await admission.refusal({
        to: "services",
        old: service("NodePort", 2),
        object: service("ClusterIP", 2),
      }),
    ).toBe("admitted");
    const claim = (size: string) => ({
      metadata: { name: "c", namespace: "ns" },
      spec: { storageClassName: "fast", resources: { requests: { storage: size } } },
    });
    expect(await create(claim("2Gi"), "persistentvolumeclaims")).toBe("admitted");
    expect(
      await admission.refusal({ to: "persistentvolumeclaims", old: claim("2Gi"), object: claim("4Gi") }),
    ).toContain("exceeded quota");
    expect(await create({ metadata: { name: "d", namespace: "ns" } }, "deployments.apps")).toBe("admitted");
    expect(await create({ metadata: { name: "e", namespace: "ns" } }, "deployments.apps")).toContain(
      "count/deployments.apps=1",
    );
    expect(await used()).toEqual({
      services: "1",
      "services.nodeports": "0",
      "requests.storage": "2Gi",
      "fast.storageclass.storage.k8s.io/requests.storage": "2Gi",
      "count/deployments.apps": "1",
    });
  });

  it("counts the devices that claims may get, by class", async () => {
    const devices = "gpu.deviceclass.resource.k8s.io/devices";
    await quota({ [devices]: "40" });
    const ask = (requests: object[]) =>
      create(
        { metadata: { name: "c", namespace: "ns" }, spec: { devices: { requests } } },
        "resourceclaims.resource.k8s.io",
      );
    const two = { name: "x", deviceClassName: "gpu", count: 2 };
    const all = { exactly: { deviceClassName: "gpu", allocationMode: "All" } };
    expect(await ask([all, { firstAvailable: [two, { ...two, count: 5 }] }])).toBe("admitted");
    expect(await used()).toEqual({ [devices]: "37" });
    expect(await ask([{ exactly: two }, { exactly: two }])).toContain(
      `requested: ${devices}=4, used: ${devices}=37`,
    );
  });

  it("counts only pods within its scopes", async () => {
    await quota({ pods: "0" }, { scopes: ["BestEffort"] }, "best");
    await quota(
      { pods: "0" },
      {
        scopeSelector: {
          matchExpressions: [{ scopeName: "PriorityClass", operator: "In", values: ["high"] }],
        },
      },
      "high",
    );
    await quota({ pods: "0" }, { scopes: ["Terminating"] }, "job");
    const some = { requests: { cpu: "1" } };
    expect(await create(pod("a"))).toContain("exceeded quota: best");
    expect(await create(pod("a", some))).toBe("admitted");
    expect(await create(pod("a", some, { priorityClassName: "high" }))).toContain("exceeded quota: high");
    expect(await create(pod("a", some, { activeDeadlineSeconds: 5 }))).toContain("exceeded quota: job");
  });

  it("refuses while nobody has counted yet", async () => {
    await admission.put("resourcequotas", {
      metadata: { name: "q", namespace: "ns" },
      spec: { hard: { pods: "1" } },
      status: { hard: { pods: "1" } },
    });
    expect(await create(pod("a"))).toContain("status unknown for quota: q, resources: pods");
  });
});
