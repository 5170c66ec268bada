import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import { expect, test } from "vitest";
import { signingRequest } from "./support/certificates.ts";
import { busybox } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { Raw, who, type Answer } from "./support/raw.ts";
import { eventually, getJson, kubectl, kubectlWith, tryKubectlWith } from "./support/run.ts";

const ns = useNamespace("certificates");
const api = new Raw();
const core = `/api/v1/namespaces/${ns}`;
const csrs = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

test("a certificate is asked for, approved, signed, and then is somebody", async () => {
  const { request, key } = await signingRequest(`CN=carol-${ns},O=dev,O=ops`);
  const csr = (name: string, spec: object) =>
    JSON.stringify({
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: `${ns}-${name}` },
      spec: { request, signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"], ...spec },
    });
  const make = (name: string, spec: object) => kubectlWith(csr(name, spec), "create", "-f", "-");
  await make("carol", { expirationSeconds: 3600, username: "forged", groups: ["system:masters"] });
  const read = (name: string) => getJson<CertificateSigningRequest>("csr", `${ns}-${name}`);
  expect((await read("carol")).spec.username).toBe("kubernetes-admin");

  await kubectl("certificate", "approve", `${ns}-carol`);
  const certData = await eventually("it is signed", async () => (await read("carol")).status?.certificate);
  const keyData = Buffer.from(key).toString("base64");
  expect(await who({ certData, keyData })).toMatchObject({
    username: `carol-${ns}`,
    groups: ["dev", "ops", "system:authenticated"],
  });
  // A decision stands, and approving is no way to put in a certificate.
  const patch = (name: string, subresource: string, body: object) =>
    api.ask("PATCH", `${csrs}/${ns}-${name}/${subresource}`, { body, type: "application/merge-patch+json" });
  const both = { status: { conditions: ["Approved", "Denied"].map((type) => ({ type, status: "True" })) } };
  expect((await patch("carol", "approval", both)).json().message).toContain(
    "Approved and Denied conditions are mutually exclusive",
  );
  expect((await patch("carol", "approval", { status: { conditions: [] } })).json().message).toContain(
    'updates may not remove a condition of type "Approved"',
  );
  await make("sneaky", { signerName: "example.com/other" });
  const approved = [{ type: "Approved", status: "True", reason: "x" }];
  await patch("sneaky", "approval", { status: { conditions: approved, certificate: "Zm9v" } });
  expect((await read("sneaky")).status).toEqual({
    conditions: [expect.objectContaining({ type: "Approved" })],
  });

  await make("server", { usages: ["server auth"] });
  await kubectl("certificate", "approve", `${ns}-server`);
  await eventually("the signer refuses it", async () =>
    (await read("server")).status?.conditions?.some(
      (c) => c.type === "Failed" && c.reason === "SignerValidationFailure",
    ),
  );
  await make("denied", {});
  await kubectl("certificate", "deny", `${ns}-denied`);
  expect(await kubectl("get", "csr", `${ns}-denied`, "--no-headers")).toMatch(/Denied\s*$/);
  const masters = await signingRequest("CN=carol,O=system:masters");
  expect(
    (await tryKubectlWith(csr("root", { request: masters.request }), "create", "-f", "-")).stderr,
  ).toContain("use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed");
  const names = ["carol", "sneaky", "server", "denied"].map((name) => `${ns}-${name}`);
  await kubectl("delete", "csr", ...names);
});

/** Somebody with the certificate of node-1, as its kubelet would get it. */
async function asNode(): Promise<Raw> {
  const { request, key } = await signingRequest("CN=system:node:node-1,O=system:nodes");
  const metadata = { name: `${ns}-node` };
  const signerName = "kubernetes.io/kube-apiserver-client-kubelet";
  const spec = { request, signerName, usages: ["client auth", "digital signature"] };
  const csr = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata, spec };
  await kubectlWith(JSON.stringify(csr), "create", "-f", "-");
  // Nobody has to approve what the requester may have.
  const certData = await eventually("it is approved and signed by itself", async () => {
    const { status } = await getJson<CertificateSigningRequest>("csr", metadata.name);
    return status?.certificate;
  });
  await kubectl("delete", "csr", metadata.name);
  return new Raw({ certData, keyData: Buffer.from(key).toString("base64") });
}

test("a node reads what its pods use, writes itself alone, and gets only its pods' tokens", async () => {
  const pod = (name: string, node: string, more: object) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "main", image: busybox, command: ["sleep", "3600"], ...more }],
    },
  });
  for (const name of ["mine", "other"]) await kubectl("create", "secret", "generic", name, "-n", ns);
  const items = [
    pod("here", "node-1", { envFrom: [{ secretRef: { name: "mine" } }] }),
    pod("there", "node-2", { envFrom: [{ secretRef: { name: "other" } }] }),
  ];
  await kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "apply", "-n", ns, "-f", "-");
  const uid = await kubectl("get", "pod", "here", "-n", ns, "-o", "jsonpath={.metadata.uid}");
  const otherUid = await kubectl("get", "pod", "there", "-n", ns, "-o", "jsonpath={.metadata.uid}");
  const node = await asNode();
  const said = ({ status, text }: Answer): string =>
    status < 300 ? "ok" : (JSON.parse(text) as { message: string }).message;
  const get = async (path: string): Promise<string> => said(await node.ask("GET", path));
  const merge = async (path: string, body: object): Promise<string> =>
    said(await node.ask("PATCH", path, { body, type: "application/merge-patch+json" }));
  const post = async (path: string, body: object): Promise<string> =>
    said(await node.ask("POST", path, { body }));

  const unrelated = "no relationship found between node 'node-1' and this object";
  expect(await get(`${core}/secrets/mine`)).toBe("ok");
  expect(await get(`${core}/secrets/other`)).toContain(unrelated);
  expect(await get(`${core}/secrets`)).toContain("forbidden");
  expect(await get(`${core}/pods/there`)).toContain(unrelated);
  expect(await get("/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1")).toBe("ok");
  expect(await get("/api/v1/pods")).toContain("can only list/watch pods with spec.nodeName field selector");
  const lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  expect(await get(`${lease}/node-1`)).toBe("ok");
  expect(await get(`${lease}/node-2`)).toContain("same name as the requesting node");

  expect(await merge("/api/v1/nodes/node-2", { metadata: { labels: { a: "b" } } })).toContain(
    "cannot patch resource",
  );
  const labels = { "node-restriction.kubernetes.io/x": "y", "node-role.kubernetes.io/z": "" };
  expect(await merge("/api/v1/nodes/node-1", { metadata: { labels } })).toContain(
    "is not allowed to modify labels: node-restriction.kubernetes.io/x, node-role.kubernetes.io/z",
  );
  expect(await merge(`${core}/pods/there/status`, { status: { message: "x" } })).toContain(
    "can only update pod status for pods with spec.nodeName set to itself",
  );
  expect(await post(`${core}/pods`, pod("fake", "node-1", {}))).toContain(
    'node "node-1" can only create mirror pods',
  );
  expect(await post("/api/v1/nodes", { metadata: { name: "node-77" } })).toContain(
    "not allowed to modify node",
  );

  const token = (boundTo: object | undefined, audiences: string[] = []): Promise<string> =>
    post(`${core}/serviceaccounts/default/token`, { spec: { audiences, boundObjectRef: boundTo } });
  const here = { kind: "Pod", apiVersion: "v1", name: "here", uid };
  expect(await token(here)).toBe("ok");
  expect(await token(here, ["vault"])).toContain('audience "vault" not found in pod spec volume');
  expect(await token(undefined)).toContain("node requested token not bound to a pod");
  expect(await token({ ...here, name: "there", uid: otherUid })).toContain("scheduled on a different node");
  node.close();
});
