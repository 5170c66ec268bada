import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { describe, expect, test } from "vitest";
import { refuseForIsolation } from "./isolation.ts";
import { sysctlName } from "./sysctls.ts";

type Spec = Partial<NonNullable<Pod["spec"]>>;
const pod = (spec: Spec): Pod => ({
  metadata: { name: "p", namespace: "n" },
  spec: { containers: [{ name: "c" }], ...spec },
});
const refused = (spec: Spec, unsafeSysctls: string[] = [], apparmor = false) =>
  refuseForIsolation(pod(spec), { apparmor, unsafeSysctls });
const sysctl = (name: string, spec: Spec = {}): Spec => ({
  ...spec,
  securityContext: { sysctls: [{ name, value: "1" }] },
});

describe("settings of the kernel", () => {
  test.each(["kernel.shm_rmid_forced", "kernel/shm_rmid_forced", "net.ipv4.tcp_rmem"])("%s is safe", (name) =>
    expect(refused(sysctl(name))).toBeUndefined(),
  );
  test("others are refused unless the operator allows them", () => {
    expect(refused(sysctl("kernel.msgmax"))).toEqual({
      reason: "SysctlForbidden",
      message: 'forbidden sysctl: "kernel.msgmax" not allowlisted',
    });
    expect(refused(sysctl("kernel.msgmax"), ["kernel.msg*"])).toBeUndefined();
    expect(refused(sysctl("net.core.somaxconn"), ["net.core.somaxconn"])).toBeUndefined();
  });
  test("what would be the node's own setting is refused", () => {
    expect(refused(sysctl("kernel.shm_rmid_forced", { hostIPC: true }))?.message).toBe(
      'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
    );
    expect(refused(sysctl("net.ipv4.tcp_syncookies", { hostNetwork: true }))?.message).toBe(
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
    );
  });
  test("slashes separate as dots do, and a dot then belongs to a name", () => {
    expect(sysctlName("net/ipv4/conf/eth0.100/rp_filter")).toBe("net.ipv4.conf.eth0/100.rp_filter");
    expect(sysctlName("net.ipv4.conf.eth0/100.rp_filter")).toBe("net.ipv4.conf.eth0/100.rp_filter");
  });
});

describe("what the engine cannot do", () => {
  test("AppArmor is refused where the host has none", () => {
    const profile: Spec = { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } };
    expect(refused(profile)).toMatchObject({ reason: "AppArmor" });
    expect(refused(profile, [], true)).toBeUndefined();
    expect(refused({ securityContext: { appArmorProfile: { type: "Unconfined" } } })).toBeUndefined();
  });
});
