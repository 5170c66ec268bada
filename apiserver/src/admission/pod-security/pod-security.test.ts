import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestAdmission, type TestAdmission } from "../test-admission.ts";
import { levels, violations, type Level } from "./levels.ts";
import { podSecurity } from "./pod-security.ts";

let admission: TestAdmission;
beforeEach(async () => {
  admission = await createTestAdmission(podSecurity);
});
afterEach(() => admission.stop());

const namespace = (labels: Record<string, string>, name = "ns") => ({
  metadata: {
    name,
    labels: Object.fromEntries(
      Object.entries(labels).map(([k, v]) => [`pod-security.kubernetes.io/${k}`, v]),
    ),
  },
});
const good = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    { name: "c", securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } },
  ],
};
const plain = { containers: [{ name: "c" }] };
const pod = (spec: object) => ({ metadata: { name: "p", namespace: "ns" }, spec });
const check = (level: Level, spec: object, annotations = {}): string =>
  violations(level, { spec: spec as never, annotations });
const container = (securityContext: object, more: object = {}) => ({
  containers: [{ name: "c", securityContext, ...more }],
});

describe("the standards", () => {
  it("are met by a pod made for them, and by a plain one up to baseline", () => {
    for (const level of levels) expect(check(level, good)).toBe("");
    expect(check("baseline", plain)).toBe("");
    expect(check("restricted", plain)).toBe(
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
  });

  it.each<[string, object]>([
    ["host namespaces (hostNetwork=true, hostPID=true)", { ...plain, hostNetwork: true, hostPID: true }],
    [
      'privileged (container "c" must not set securityContext.privileged=true)',
      container({ privileged: true }),
    ],
    [
      'non-default capabilities (containers "a", "b" must not include "NET_ADMIN", "SYS_ADMIN" in securityContext.capabilities.add)',
      {
        containers: ["a", "b"].map((name, i) => ({
          name,
          securityContext: { capabilities: { add: [i ? "SYS_ADMIN" : "NET_ADMIN", "CHOWN"] } },
        })),
      },
    ],
    [
      'hostPath volumes (volumes "a", "b")',
      { ...plain, volumes: ["a", "b"].map((name) => ({ name, hostPath: { path: "/" } })) },
    ],
    [
      'hostPort (container "c" uses hostPort 80)',
      container({}, { ports: [{ containerPort: 80, hostPort: 80 }] }),
    ],
    [
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
      container({ procMount: "Unmasked" }),
    ],
    [
      "forbidden sysctls (kernel.msgmax)",
      {
        ...plain,
        securityContext: {
          sysctls: [
            { name: "kernel.msgmax", value: "1" },
            { name: "net.ipv4.tcp_syncookies", value: "1" },
          ],
        },
      },
    ],
    [
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
      { ...plain, securityContext: { seccompProfile: { type: "Unconfined" } } },
    ],
    [
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)',
      container({ seLinuxOptions: { type: "x", user: "u" } }),
    ],
    [
      "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
      { ...plain, securityContext: { windowsOptions: { hostProcess: true } } },
    ],
    [
      'probe or lifecycle host (container "c" uses probe or lifecycle host "1.2.3.4")',
      container({}, { livenessProbe: { httpGet: { host: "1.2.3.4", port: 80 } } }),
    ],
  ])("baseline: %s", (message, spec) => {
    expect(check("baseline", spec)).toBe(message);
    expect(check("privileged", spec)).toBe("");
  });

  it.each<[string, object]>([
    [
      'restricted volume types (volumes "a", "b" use restricted volume types "hostPath", "nfs")',
      {
        ...good,
        volumes: [
          { name: "a", hostPath: {} },
          { name: "b", nfs: {} },
          { name: "e", emptyDir: {} },
        ],
      },
    ],
    [
      "runAsUser=0 (pod must not set runAsUser=0)",
      { ...good, securityContext: { ...good.securityContext, runAsUser: 0 } },
    ],
    [
      'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
      {
        ...good,
        containers: [
          { name: "c", securityContext: { ...good.containers[0]?.securityContext, runAsNonRoot: false } },
        ],
      },
    ],
    [
      'unrestricted capabilities (container "c" must not include "NET_RAW" in securityContext.capabilities.add)',
      {
        ...good,
        containers: [
          {
            name: "c",
            securityContext: {
              allowPrivilegeEscalation: false,
              capabilities: { drop: ["ALL"], add: ["NET_RAW", "NET_BIND_SERVICE"] },
            },
          },
        ],
      },
    ],
  ])("restricted: %s", (message, spec) => {
    expect(check("restricted", spec)).toBe(message);
  });

  it("look at init and ephemeral containers, and at AppArmor annotations", () => {
    const privileged = { name: "x", securityContext: { privileged: true } };
    expect(check("baseline", { ...plain, initContainers: [privileged] })).toContain('container "x"');
    expect(check("baseline", { ...plain, ephemeralContainers: [privileged] })).toContain('container "x"');
    expect(
      check("baseline", plain, { "container.apparmor.security.beta.kubernetes.io/c": "unconfined" }),
    ).toContain("forbidden AppArmor profile");
  });
});

describe("PodSecurity", () => {
  it("refuses pods below the enforced level and warns below the other", async () => {
    expect(await admission.refusal({ to: "pods", object: pod({ ...plain, hostNetwork: true }) })).toBe(
      "admitted",
    );
    await admission.put(
      "namespaces",
      namespace({ enforce: "baseline", warn: "restricted", "warn-version": "v1.36" }),
    );
    expect(await admission.refusal({ to: "pods", object: pod({ ...plain, hostNetwork: true }) })).toBe(
      'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    );
    expect(await admission.refusal({ to: "pods", object: pod(plain) })).toBe("admitted");
    expect(admission.warnings).toEqual([
      expect.stringMatching(/^would violate PodSecurity "restricted:v1.36": allowPrivilegeEscalation/),
    ]);
  });

  it("only warns of workloads", async () => {
    await admission.put("namespaces", namespace({ enforce: "restricted", warn: "restricted" }));
    const template = { metadata: {}, spec: plain };
    for (const [to, spec] of [
      ["deployments.apps", { template }],
      ["cronjobs.batch", { jobTemplate: { spec: { template } } }],
    ] as const) {
      expect(
        await admission.refusal({ to, object: { metadata: { name: "d", namespace: "ns" }, spec } }),
      ).toBe("admitted");
    }
    expect(admission.warnings).toHaveLength(2);
  });

  it("refuses levels that do not exist, and tells of pods that a new level would not have let in", async () => {
    const label = (labels: Record<string, string>) =>
      admission.refusal({ to: "namespaces", old: namespace({}), object: namespace(labels) });
    expect(await label({ enforce: "strict" })).toBe(
      'Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Unsupported value: "strict": supported values: "privileged", "baseline", "restricted"',
    );
    for (const name of ["a", "b"]) {
      await admission.put("pods", {
        metadata: { name, namespace: "ns" },
        spec: { ...plain, hostNetwork: true },
      });
    }
    await admission.put("pods", { metadata: { name: "fine", namespace: "ns" }, spec: plain });
    expect(await label({ enforce: "baseline" })).toBe("admitted");
    expect(admission.warnings).toEqual([
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      "a (and 1 other pod): host namespaces",
    ]);
  });
});
