import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeRestriction } from "./node-restriction.ts";
import { createTestAdmission, type TestAdmission, type TestWrite } from "./test-admission.ts";

let admission: TestAdmission;
beforeEach(async () => {
  admission = await createTestAdmission(nodeRestriction);
});
afterEach(() => admission.stop());

const user = { username: "system:node:n1", groups: ["system:nodes"] };
const write = (options: TestWrite) => admission.refusal({ user, ...options });
const pod = (nodeName: string, spec: object = {}, metadata: object = {}) => ({
  metadata: { name: "p", namespace: "ns", uid: "u", ...metadata },
  spec: { nodeName, containers: [], ...spec },
});
const mirror = { annotations: { "kubernetes.io/config.mirror": "x" } };
const withTokens = (...tokens: object[]) => ({
  volumes: [
    { name: "v", projected: { sources: tokens.map((serviceAccountToken) => ({ serviceAccountToken })) } },
  ],
});
const node = (name: string, labels: object = {}, spec: object = {}) => ({ metadata: { name, labels }, spec });

describe("NodeRestriction", () => {
  it("lets others be", async () => {
    expect(await write({ to: "pods", object: pod("n2"), user: { username: "alice", groups: [] } })).toBe(
      "admitted",
    );
  });

  it("lets a node make only mirror pods of its own, which name nothing secret", async () => {
    expect(await write({ to: "pods", object: pod("n1", {}, mirror) })).toBe("admitted");
    expect(await write({ to: "pods", object: pod("n1") })).toContain('node "n1" can only create mirror pods');
    expect(await write({ to: "pods", object: pod("n2", {}, mirror) })).toContain(
      'node "n1" can only create pods with spec.nodeName set to itself',
    );
    const refers: [object, string][] = [
      [{ serviceAccountName: "x" }, "a service account"],
      [{ volumes: [{ name: "v", secret: {} }] }, "secrets"],
      [{ volumes: [{ name: "v", projected: { sources: [{ configMap: {} }] } }] }, "configmaps"],
      [
        { containers: [{ name: "c", env: [{ name: "A", valueFrom: { secretKeyRef: { key: "k" } } }] }] },
        "secrets",
      ],
      [{ volumes: [{ name: "v", persistentVolumeClaim: {} }] }, "persistentvolumeclaims"],
    ];
    for (const [spec, what] of refers) {
      expect(await write({ to: "pods", object: pod("n1", spec, mirror) })).toContain(
        `can not create pods that reference ${what}`,
      );
    }
  });

  it("lets a node write status of its pods alone, and delete only them", async () => {
    const status = (on: string, labels?: object): TestWrite => ({
      to: "pods",
      subresource: "status",
      old: pod(on),
      object: pod(on, {}, labels ? { labels } : {}),
    });
    expect(await write(status("n1"))).toBe("admitted");
    expect(await write(status("n2"))).toContain(
      "can only update pod status for pods with spec.nodeName set to itself",
    );
    expect(await write(status("n1", { a: "b" }))).toContain("cannot update labels through pod status");
    const claims = { status: { resourceClaimStatuses: [{ name: "a", resourceClaimName: "b" }] } };
    expect(await write({ ...status("n1"), object: { ...pod("n1"), ...claims } })).toContain(
      "cannot update resource claim statuses",
    );
    expect(await write({ to: "pods", old: pod("n1"), operation: "DELETE" })).toBe("admitted");
    expect(await write({ to: "pods", old: pod("n2"), operation: "DELETE" })).toContain(
      "can only delete pods",
    );
  });

  it("lets a node describe itself, not choose which pods it gets", async () => {
    expect(
      await write({ to: "nodes", object: node("n1", { "kubernetes.io/hostname": "n1", mine: "x" }) }),
    ).toBe("admitted");
    expect(await write({ to: "nodes", object: node("n2") })).toContain(
      'node "n1" is not allowed to modify node "n2"',
    );
    for (const label of [
      "node-restriction.kubernetes.io/x",
      "node-role.kubernetes.io/control-plane",
      "foo.k8s.io/x",
    ]) {
      expect(await write({ to: "nodes", object: node("n1", { [label]: "x" }) })).toContain(
        `is not allowed to set labels: ${label}`,
      );
    }
    const taint = { taints: [{ key: "a", effect: "NoSchedule" }] };
    expect(await write({ to: "nodes", object: node("n1", {}, taint) })).toBe("admitted");
    expect(await write({ to: "nodes", old: node("n1", {}, taint), object: node("n1") })).toContain(
      "not allowed to modify taints",
    );
    expect(await write({ to: "nodes", old: node("n1"), operation: "DELETE" })).toContain(
      "not allowed to delete itself",
    );
  });

  it("lets a node write its own lease and CSINode", async () => {
    const lease = (name: string, namespace = "kube-node-lease") => ({ metadata: { name, namespace } });
    expect(await write({ to: "leases.coordination.k8s.io", object: lease("n1") })).toBe("admitted");
    expect(await write({ to: "leases.coordination.k8s.io", object: lease("n2") })).toContain(
      "same name as the requesting node",
    );
    expect(await write({ to: "leases.coordination.k8s.io", object: lease("n1", "default") })).toContain(
      "kube-node-lease",
    );
    expect(await write({ to: "csinodes.storage.k8s.io", object: { metadata: { name: "n2" } } })).toContain(
      "CSINode",
    );
    const slice = (nodeName: string) => ({ metadata: { name: "s" }, spec: { nodeName } });
    const slices = "resourceslices.resource.k8s.io";
    expect(await write({ to: slices, object: slice("n1") })).toBe("admitted");
    expect(await write({ to: slices, object: slice("n2") })).toContain(
      "can only create ResourceSlice with the same NodeName as the requesting node",
    );
    expect(await write({ to: slices, old: slice("n2"), operation: "DELETE" })).toContain("can only delete");
  });

  it("gives a node tokens only for pods that run on it", async () => {
    const ask = (boundObjectRef?: object) =>
      write({
        to: "serviceaccounts",
        subresource: "token",
        object: { metadata: { name: "sa", namespace: "ns" }, spec: { boundObjectRef } },
      });
    const ref = { kind: "Pod", apiVersion: "v1", name: "p", uid: "u" };
    expect(await ask()).toContain("node requested token not bound to a pod");
    expect(await ask(ref)).toContain('pod "p" not found');
    await admission.put("pods", pod("n2"));
    expect(await ask(ref)).toContain("bound to a pod scheduled on a different node");
    await admission.put("pods", pod("n1", withTokens({})));
    expect(await ask(ref)).toBe("admitted");
    expect(await ask({ ...ref, uid: "other" })).toContain("does not match the UID in record");
  });

  it("gives a node tokens only for audiences that the pod's volumes ask for", async () => {
    const ask = (...audiences: string[]) =>
      write({
        to: "serviceaccounts",
        subresource: "token",
        object: {
          metadata: { name: "sa", namespace: "ns" },
          spec: { audiences, boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p", uid: "u" } },
        },
      });
    await admission.put("pods", pod("n1", withTokens({ audience: "vault" })));
    expect(await ask("vault")).toBe("admitted");
    const refused = (audience: string): string =>
      `audience ${JSON.stringify(audience)} not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience`;
    expect(await ask("other")).toContain(refused("other"));
    expect(await ask()).toContain(refused(""));
    expect(await ask("vault", "other")).toContain("node may only request 0 or 1 audiences");

    await admission.put("pods", pod("n1", { volumes: [{ name: "v", csi: { driver: "d" } }] }));
    expect(await ask("other")).toContain(refused("other"));
    const driver = { metadata: { name: "d" }, spec: { tokenRequests: [{ audience: "other" }] } };
    await admission.put("csidrivers.storage.k8s.io", driver);
    expect(await ask("other")).toBe("admitted");
  });
});
