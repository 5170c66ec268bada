import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { signingRequest } from "../support/certificates.ts";
import { eventually, run } from "../support/run.ts";
import type { Table } from "./table.ts";

interface Config {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly "certificate-authority-data": string };
  }[];
}

/** Who may do what. */
export function access(table: Table): void {
  const { k, tryK, kWith, plain, command } = table.cli;
  const { ns, minor, folder } = table;
  test("auth can-i, whoami, and as somebody else", async () => {
    expect(await plain("auth", "can-i", "create", "pods")).toBe("yes\n");
    if (minor >= 27)
      expect(await plain("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).toBe(
        "kubernetes-admin",
      );
    const robot = `--as=system:serviceaccount:${ns}:robot`;
    expect((await tryK("auth", "can-i", "list", "pods", robot)).stdout).toBe("yes\n");
    expect((await tryK("auth", "can-i", "delete", "pods", robot)).stdout).toBe("no\n");
    expect((await tryK("delete", "pod", "tool", robot)).stderr).toContain(
      `pods "tool" is forbidden: User "system:serviceaccount:${ns}:robot" cannot delete resource "pods" in API group "" in the namespace "${ns}"`,
    );
    expect(await k("auth", "can-i", "--list", robot)).toMatch(/pods\s+\[\]\s+\[\]\s+\[get list\]/);
  });
  test("auth reconcile", async () => {
    const role = `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: reader, namespace: ${ns} }\nrules: [{ apiGroups: [''], resources: [pods], verbs: [get, list, watch] }]\n`;
    expect(await kWith(role, "auth", "reconcile", "-f", "-")).toContain(
      "role.rbac.authorization.k8s.io/reader reconciled",
    );
  });
  test("certificate: a request is approved, signed, and opens the door", async () => {
    const { request, key } = await signingRequest("CN=jane,O=devs");
    await writeFile(join(folder(), "jane.key"), key);
    const name = `jane-${ns}`;
    await kWith(
      `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: { name: ${name} }\nspec: { request: ${request}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth] }\n`,
      "create",
      "-f",
      "-",
    );
    expect(await plain("certificate", "approve", name)).toContain("approved");
    const certificate = await eventually(
      "it is signed",
      async () => (await plain("get", "csr", name, "-o", "jsonpath={.status.certificate}")) || undefined,
    );
    await writeFile(join(folder(), "jane.crt"), Buffer.from(certificate, "base64"));
    const [cluster] = (JSON.parse(await plain("config", "view", "--raw", "-o", "json")) as Config).clusters;
    const authority = cluster?.cluster["certificate-authority-data"] ?? "";
    await writeFile(join(folder(), "ca.crt"), Buffer.from(authority, "base64"));
    // Without the administrator's own certificate beside it.
    const out = await run(command()[0] ?? "", [
      "--kubeconfig=/dev/null",
      `--server=${cluster?.cluster.server}`,
      `--certificate-authority=${join(folder(), "ca.crt")}`,
      `--client-certificate=${join(folder(), "jane.crt")}`,
      `--client-key=${join(folder(), "jane.key")}`,
      "get",
      "pods",
      `--namespace=${ns}`,
    ]);
    expect(out.stderr).toContain('User "jane" cannot list resource "pods"');
  });
}
