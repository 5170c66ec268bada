import type { Node, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { afterEach, describe, expect, it } from "vitest";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { defaultIngressClass, defaultStorageClass } from "./default-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { selectPlugins } from "./index.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { persistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import type { AdmissionPlugin } from "./plugin.ts";
import { podTolerationRestriction } from "./pod-toleration-restriction.ts";
import { priority } from "./priority.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";
import { createTestAdmission, type TestAdmission } from "./test-admission.ts";

let admission: TestAdmission;
const open = async (...plugins: AdmissionPlugin[]): Promise<void> => {
  admission = await createTestAdmission(...plugins);
};
afterEach(() => admission.stop());

const pod = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: "p", namespace: "ns", ...metadata },
  spec: { containers: [{ name: "c" }], ...spec },
});
const specOf = async (spec?: object): Promise<Record<string, unknown>> =>
  (await admission.write({ to: "pods", object: pod(spec) }))["spec"] as Record<string, unknown>;
const refused = (object: object, to = "pods") => admission.refusal({ to, object });

describe("NamespaceLifecycle", () => {
  it("refuses objects in namespaces that are absent or going", async () => {
    await open(namespaceLifecycle);
    expect(await refused(pod())).toBe('namespaces "ns" not found');
    await admission.put("namespaces", { metadata: { name: "ns" } });
    expect(await refused(pod())).toBe("admitted");
    await admission.put("namespaces", { metadata: { name: "ns" }, status: { phase: "Terminating" } });
    expect(await refused(pod())).toBe(
      'pods "p" is forbidden: unable to create new content in namespace ns because it is being terminated',
    );
    const update = { to: "pods", object: pod(), old: pod() };
    expect(await admission.refusal(update)).toBe("admitted");
    expect(await admission.refusal({ to: "pods", old: pod(), operation: "DELETE" })).toBe("admitted");
  });

  it("keeps the namespaces that every cluster needs", async () => {
    await open(namespaceLifecycle);
    const remove = (name: string) =>
      admission.refusal({ to: "namespaces", old: { metadata: { name } }, operation: "DELETE" });
    expect(await remove("kube-system")).toBe(
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    );
    expect(await remove("other")).toBe("admitted");
  });
});

describe("ServiceAccount", () => {
  const mounts = (p: Pod) => p.spec?.containers.map((c) => c.volumeMounts?.map((m) => m.mountPath));

  it("gives a pod its account, token volume and pull secrets", async () => {
    await open(serviceAccount);
    await admission.put("serviceaccounts", {
      metadata: { name: "default", namespace: "ns" },
      imagePullSecrets: [{ name: "pull" }],
    });
    const own = {
      name: "own",
      volumeMounts: [{ name: "v", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }],
    };
    const made = (await admission.write({
      to: "pods",
      object: pod({ containers: [{ name: "c" }, own], initContainers: [{ name: "i" }] }),
    })) as unknown as Pod;
    expect(made.spec).toMatchObject({
      serviceAccountName: "default",
      serviceAccount: "default",
      imagePullSecrets: [{ name: "pull" }],
    });
    expect(mounts(made)).toEqual([
      ["/var/run/secrets/kubernetes.io/serviceaccount"],
      ["/var/run/secrets/kubernetes.io/serviceaccount"],
    ]);
    expect(made.spec?.volumes).toEqual([
      {
        name: expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/) as string,
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
            { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
            {
              downwardAPI: {
                items: [
                  { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } },
                ],
              },
            },
          ],
        },
      },
    ]);
  });

  it("mounts no token where the pod or the account says so", async () => {
    await open(serviceAccount);
    await admission.put("serviceaccounts", {
      metadata: { name: "quiet", namespace: "ns" },
      automountServiceAccountToken: false,
    });
    expect((await specOf({ serviceAccountName: "quiet" }))["volumes"]).toBeUndefined();
    expect(
      (await specOf({ serviceAccountName: "quiet", automountServiceAccountToken: true }))["volumes"],
    ).toHaveLength(1);
  });

  it("waits a moment for the default account of a new namespace, and refuses others that are absent", async () => {
    await open(serviceAccount);
    expect(await refused(pod({ serviceAccountName: "x" }))).toBe(
      'pods "p" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
    );
    const made = specOf();
    await new Promise((r) => setTimeout(r, 20));
    await admission.put("serviceaccounts", { metadata: { name: "default", namespace: "ns" } });
    expect((await made)["serviceAccountName"]).toBe("default");
  });

  it("lets the pods of an account that says so use no Secret but those it lists", async () => {
    await open(serviceAccount);
    await admission.put("serviceaccounts", {
      metadata: {
        name: "strict",
        namespace: "ns",
        annotations: { "kubernetes.io/enforce-mountable-secrets": "true" },
      },
      secrets: [{ name: "listed" }],
      imagePullSecrets: [{ name: "pull" }],
    });
    const of = (spec: object) => refused(pod({ serviceAccountName: "strict", ...spec }));
    const volume = (secretName: string) => ({ volumes: [{ name: "v", secret: { secretName } }] });
    const env = (name: string) => [{ name: "E", valueFrom: { secretKeyRef: { name, key: "k" } } }];
    const why = "because service account strict does not reference that";
    expect(await of(volume("listed"))).toBe("admitted");
    expect(await of(volume("other"))).toBe(
      `pods "p" is forbidden: volume with secret.secretName="other" is not allowed ${why} secret`,
    );
    expect(await of({ containers: [{ name: "c", env: env("other") }] })).toBe(
      `pods "p" is forbidden: container c with envVar E referencing secret.secretName="other" is not allowed ${why} secret`,
    );
    expect(await of({ initContainers: [{ name: "i", envFrom: [{ secretRef: { name: "other" } }] }] })).toBe(
      `pods "p" is forbidden: init container i with envFrom referencing secret.secretName="other" is not allowed ${why} secret`,
    );
    expect(await of({ imagePullSecrets: [{ name: "pull" }, { name: "other" }] })).toBe(
      `pods "p" is forbidden: imagePullSecrets[1].name="other" is not allowed ${why} imagePullSecret`,
    );
  });

  it("leaves mirror pods alone, which may name no account", async () => {
    await open(serviceAccount);
    const mirror = { annotations: { "kubernetes.io/config.mirror": "x" } };
    expect(await refused(pod({}, mirror))).toBe("admitted");
    expect(await refused(pod({ serviceAccountName: "x" }, mirror))).toContain(
      "a mirror pod may not reference service accounts",
    );
  });
});

describe("Priority", () => {
  it("sets what the class says, and refuses anything else", async () => {
    await open(priority);
    expect(await specOf()).toMatchObject({ priority: 0, preemptionPolicy: "PreemptLowerPriority" });
    expect(await specOf({ priorityClassName: "system-node-critical" })).toMatchObject({
      priority: 2_000_001_000,
    });
    const storage = "priorityclasses.scheduling.k8s.io";
    const make = (name: string, value: number, more = {}) =>
      admission.put(storage, { metadata: { name }, value, ...more });
    await make("high", 1000, { preemptionPolicy: "Never" });
    await make("usual", 10, { globalDefault: true });
    expect(await specOf({ priorityClassName: "high" })).toMatchObject({
      priority: 1000,
      preemptionPolicy: "Never",
    });
    expect(await specOf()).toMatchObject({ priority: 10, priorityClassName: "usual" });
    expect(await refused(pod({ priorityClassName: "none" }))).toBe(
      'pods "p" is forbidden: no PriorityClass with name none was found',
    );
    expect(await refused(pod({ priorityClassName: "high", priority: 5 }))).toContain(
      "the integer value of priority (5) must not be provided in pod spec",
    );
    expect(await refused({ metadata: { name: "b" }, value: 1, globalDefault: true }, storage)).toBe(
      'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    );
    const remove = (name: string) =>
      admission.refusal({ to: storage, old: { metadata: { name } }, operation: "DELETE" });
    expect(await remove("system-node-critical")).toBe(
      'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
    );
    expect(await remove("high")).toBe("admitted");
  });
});

describe("LimitRanger", () => {
  const range = (...limits: object[]) =>
    admission.put("limitranges", { metadata: { name: "l", namespace: "ns" }, spec: { limits } });
  const container = (requests?: object, limits?: object) =>
    pod({ containers: [{ name: "c", resources: { requests, limits } }] });

  it("gives defaults, and says so", async () => {
    await open(limitRanger);
    await range({
      type: "Container",
      default: { cpu: "500m" },
      defaultRequest: { cpu: "100m", memory: "64Mi" },
    });
    const made = (await admission.write({
      to: "pods",
      object: container({ memory: "1Gi" }),
    })) as unknown as Pod;
    expect(made.spec?.containers[0]?.resources).toEqual({
      requests: { memory: "1Gi", cpu: "100m" },
      limits: { cpu: "500m" },
    });
    expect(made.metadata.annotations?.["kubernetes.io/limit-ranger"]).toBe(
      "LimitRanger plugin set: cpu request for container c; cpu limit for container c",
    );
  });

  it("bounds containers, pods and claims in upstream's words", async () => {
    await open(limitRanger);
    await range({ type: "Container", min: { cpu: "100m" }, max: { memory: "1Gi" } });
    expect(await refused(container({ cpu: "50m" }, { memory: "2Gi" }))).toBe(
      'pods "p" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, maximum memory usage per Container is 1Gi, but limit is 2Gi]',
    );
    expect(await refused(container({ cpu: "1" }))).toContain(
      "maximum memory usage per Container is 1Gi.  No limit is specified",
    );
    await range({ type: "Pod", max: { cpu: "1" } });
    const two = {
      containers: ["a", "b"].map((name) => ({
        name,
        resources: { limits: { cpu: "600m" }, requests: { cpu: "600m" } },
      })),
    };
    expect(await refused(pod(two))).toContain("maximum cpu usage per Pod is 1, but limit is 1200m");
    await range({ type: "Container", maxLimitRequestRatio: { cpu: "2" } });
    expect(await refused(container({ cpu: "1" }, { cpu: "3" }))).toContain(
      "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
    );
    await range({ type: "PersistentVolumeClaim", max: { storage: "1Gi" } });
    const claim = {
      metadata: { name: "c", namespace: "ns" },
      spec: { resources: { requests: { storage: "2Gi" } } },
    };
    expect(await refused(claim, "persistentvolumeclaims")).toContain(
      "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi",
    );
    expect(
      await refused({ ...claim, metadata: { name: "c", namespace: "other" } }, "persistentvolumeclaims"),
    ).toBe("admitted");
  });
});

describe("defaults that depend on other objects", () => {
  it("storage and ingress classes: the newest that is annotated", async () => {
    await open(defaultStorageClass, defaultIngressClass);
    const make = (resource: string, prefix: string) => async (name: string, time: string) =>
      admission.put(resource, {
        metadata: { name, creationTimestamp: time, annotations: { [`${prefix}/is-default-class`]: "true" } },
      });
    const storageClass = make("storageclasses.storage.k8s.io", "storageclass.kubernetes.io");
    const claim = (spec: object) => ({ metadata: { name: "c", namespace: "ns" }, spec });
    const chosen = async (to: string, spec: object) =>
      (await admission.write({ to, object: claim(spec) }))["spec"];
    expect(await chosen("persistentvolumeclaims", {})).toEqual({});
    await storageClass("old", "2020-01-01T00:00:00Z");
    await storageClass("new", "2024-01-01T00:00:00Z");
    expect(await chosen("persistentvolumeclaims", {})).toEqual({ storageClassName: "new" });
    expect(await chosen("persistentvolumeclaims", { storageClassName: "" })).toEqual({
      storageClassName: "",
    });
    await make("ingressclasses.networking.k8s.io", "ingressclass.kubernetes.io")("nginx", "");
    expect(await chosen("ingresses.networking.k8s.io", {})).toEqual({ ingressClassName: "nginx" });
  });

  it("tolerations, taints and finalizers, each once", async () => {
    await open(defaultTolerationSeconds, taintNodesByCondition, storageObjectInUseProtection);
    const tolerations = (
      await specOf({
        tolerations: [{ key: "node.kubernetes.io/not-ready", operator: "Exists", tolerationSeconds: 5 }],
      })
    )["tolerations"];
    expect(tolerations).toEqual([
      { key: "node.kubernetes.io/not-ready", operator: "Exists", tolerationSeconds: 5 },
      {
        key: "node.kubernetes.io/unreachable",
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 300,
      },
    ]);
    expect(await specOf({ tolerations: [{ operator: "Exists" }] })).toMatchObject({
      tolerations: [{ operator: "Exists" }],
    });
    const node = (await admission.write({
      to: "nodes",
      object: { metadata: { name: "n" } },
    })) as unknown as Node;
    expect(node.spec?.taints).toEqual([{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }]);
    const claim = { metadata: { name: "c", namespace: "ns" } };
    const once = await admission.write({ to: "persistentvolumeclaims", object: claim });
    expect(
      (await admission.write({ to: "persistentvolumeclaims", object: once })).metadata.finalizers,
    ).toEqual(["kubernetes.io/pvc-protection"]);
  });

  it("a RuntimeClass's overhead and placement", async () => {
    await open(runtimeClass);
    await admission.put("runtimeclasses.node.k8s.io", {
      metadata: { name: "kata" },
      overhead: { podFixed: { cpu: "100m" } },
      scheduling: { nodeSelector: { kata: "yes" } },
    });
    expect(await specOf({ runtimeClassName: "kata" })).toMatchObject({
      overhead: { cpu: "100m" },
      nodeSelector: { kata: "yes" },
    });
    expect(await refused(pod({ runtimeClassName: "kata", overhead: { cpu: "1" } }))).toContain(
      "Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    );
    expect(await refused(pod({ runtimeClassName: "none" }))).toContain(
      'pod rejected: RuntimeClass "none" not found',
    );
    expect(await refused(pod({ overhead: { cpu: "1" } }))).toContain(
      "Pod Overhead set without corresponding RuntimeClass",
    );
  });
});

describe("PersistentVolumeClaimResize", () => {
  it("lets claims grow only where their class can", async () => {
    await open(persistentVolumeClaimResize);
    const claim = (size: string, phase = "Bound") => ({
      metadata: { name: "c", namespace: "ns" },
      spec: { storageClassName: "s", resources: { requests: { storage: size } } },
      status: { phase },
    });
    const grow = (phase?: string) =>
      admission.refusal({ to: "persistentvolumeclaims", old: claim("1Gi", phase), object: claim("2Gi") });
    expect(await grow()).toContain("only dynamically provisioned pvc can be resized");
    await admission.put("storageclasses.storage.k8s.io", {
      metadata: { name: "s" },
      allowVolumeExpansion: true,
    });
    expect(await grow()).toBe("admitted");
    expect(await grow("Pending")).toContain("Only bound persistent volume claims can be expanded");
  });
});

describe("certificate requests", () => {
  const storage = "certificatesigningrequests.certificates.k8s.io";
  const csr = (status?: object) => ({
    metadata: { name: "r" },
    spec: { signerName: "example.com/web", request: "" },
    status,
  });
  const root = { username: "root", groups: ["system:masters"] };

  it("are approved and signed only by who may for their signer", async () => {
    await open(certificateApproval, certificateSigning);
    const approve = { to: storage, old: csr(), object: csr(), subresource: "approval" };
    expect(await admission.refusal(approve)).toContain(
      'user not permitted to approve requests with signerName "example.com/web"',
    );
    expect(await admission.refusal({ ...approve, user: root })).toBe("admitted");
    const sign = { to: storage, old: csr(), object: csr({ certificate: "x" }), subresource: "status" };
    expect(await admission.refusal(sign)).toContain("user not permitted to sign requests");
    expect(await admission.refusal({ ...sign, user: root })).toBe("admitted");
    expect(await admission.refusal({ ...sign, object: csr() })).toBe("admitted");
  });

  it("never make a cluster administrator", async () => {
    await open(certificateSubjectRestriction);
    await import("reflect-metadata");
    const { Pkcs10CertificateRequestGenerator } = await import("@peculiar/x509");
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ]);
    const ask = async (name: string, signerName = "kubernetes.io/kube-apiserver-client") => {
      const made = await Pkcs10CertificateRequestGenerator.create({
        name,
        keys,
        signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      });
      return refused(
        {
          metadata: { name: "r" },
          spec: { signerName, request: Buffer.from(made.toString("pem")).toString("base64") },
        },
        storage,
      );
    };
    expect(await ask("CN=eve, O=system:masters")).toContain(
      "signer with system:masters group is not allowed",
    );
    expect(await ask("CN=eve, O=dev")).toBe("admitted");
    expect(await ask("CN=eve, O=system:masters", "example.com/x")).toBe("admitted");
  });
});

describe("PodTolerationRestriction", () => {
  it("merges a namespace's defaults and holds pods to its list", async () => {
    await open(podTolerationRestriction);
    const note = (key: string) => JSON.stringify([{ key, operator: "Exists" }]);
    const prefix = "scheduler.alpha.kubernetes.io";
    await admission.put("namespaces", {
      metadata: {
        name: "ns",
        annotations: {
          [`${prefix}/defaultTolerations`]: note("a"),
          [`${prefix}/tolerationsWhitelist`]: note("a"),
        },
      },
    });
    expect(await specOf()).toMatchObject({ tolerations: [{ key: "a", operator: "Exists" }] });
    expect(await refused(pod({ tolerations: [{ key: "b", operator: "Exists" }] }))).toContain(
      "conflict with its namespace whitelist",
    );
  });
});

describe("the chain", () => {
  it("is switched by name, except for what keeps the cluster safe", async () => {
    await open();
    const names = (options?: object) => selectPlugins(options).map((p) => p.name);
    expect(names()).not.toContain("PodTolerationRestriction");
    expect(names().at(-1)).toBe("ResourceQuota");
    expect(names({ enable: "PodTolerationRestriction", disable: "PodSecurity, Priority" })).toContain(
      "PodTolerationRestriction",
    );
    expect(names({ disable: "PodSecurity, Priority" })).not.toContain("Priority");
    expect(() => names({ enable: "Nothing" })).toThrow("there is no admission plugin Nothing");
    expect(() => names({ disable: "NamespaceLifecycle" })).toThrow("cannot be off");
  });
});
