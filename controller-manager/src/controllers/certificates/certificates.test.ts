import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { beforeAll, expect, test } from "vitest";
import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import { certificateSigningRequests } from "@coracle/shared/api/resources.ts";
import { startHarness, type Harness } from "../../testing/harness.ts";
import { certificateSigner, staleAt, type SignerFiles } from "./certificates.ts";
import { recognize, refusal } from "./rules.ts";
import { readRequest } from "./x509.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
let files: SignerFiles;
let ca: x509.X509Certificate;

beforeAll(async () => {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=coracle-ca",
    notAfter: new Date(Date.now() + 3_600_000),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  files = { ca: ca.toString("pem"), key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY") };
});

async function requestFor(subject: string, names: x509.JsonGeneralNames = []): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
  return Buffer.from(csr.toString("pem")).toString("base64");
}
const csrOf = (request: string, signerName: string, usages: string[]): CertificateSigningRequest => ({
  metadata: { name: "csr" },
  spec: { request, signerName, usages },
});
const CLIENT = "kubernetes.io/kube-apiserver-client";

async function approve(h: Harness, csr: CertificateSigningRequest): Promise<void> {
  const made = await h.client.create(certificateSigningRequests, csr);
  await h.client.update(
    certificateSigningRequests,
    {
      ...made,
      status: { conditions: [{ type: "Approved", status: "True", reason: "Test", message: "ok" }] },
    },
    { subresource: "approval" },
  );
}

test("an approved request is signed by the authority, for its subject, usages and no longer than the authority", async () => {
  await using h = await startHarness({ controllers: [certificateSigner(files)] });
  await approve(h, csrOf(await requestFor("CN=alice,O=devs"), CLIENT, ["client auth"]));
  const signed = await h.eventually("signed", async () => {
    const csr = await h.client.get(certificateSigningRequests, { name: "csr" });
    return csr.status?.certificate;
  });
  const certificate = new x509.X509Certificate(Buffer.from(signed, "base64").toString());
  expect(await certificate.verify({ publicKey: ca.publicKey })).toBe(true);
  expect(certificate.subject).toBe("CN=alice, O=devs");
  expect(certificate.notAfter.getTime()).toBeLessThanOrEqual(ca.notAfter.getTime());
  const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages;
  expect(usages).toEqual(["1.3.6.1.5.5.7.3.2"]);
  expect(certificate.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
});

test("what a signer must not sign fails with the reason", async () => {
  await using h = await startHarness({ controllers: [certificateSigner(files)] });
  await approve(
    h,
    csrOf(await requestFor("CN=n,O=system:nodes"), "kubernetes.io/kubelet-serving", [
      "digital signature",
      "server auth",
    ]),
  );
  const failed = await h.eventually("failed", async () => {
    const csr = await h.client.get(certificateSigningRequests, { name: "csr" });
    return csr.status?.conditions?.find((c) => c.type === "Failed");
  });
  expect(failed).toMatchObject({ status: "True", reason: "SignerValidationFailure" });
});

test("the signers' rules", async () => {
  const node = await requestFor("CN=system:node:n1,O=system:nodes");
  const serving = await requestFor("CN=system:node:n1,O=system:nodes", [{ type: "dns", value: "n1" }]);
  const admin = await requestFor("CN=eve,O=system:masters");
  const why = (request: string, signer: string, usages: string[]) =>
    refusal(csrOf(request, `kubernetes.io/${signer}`, usages), readRequest(request));
  const client = ["digital signature", "client auth"];
  const server = ["digital signature", "server auth", "key encipherment"];
  expect(why(node, "kube-apiserver-client-kubelet", client)).toBeUndefined();
  expect(why(serving, "kube-apiserver-client-kubelet", client)).toBe(
    "subject alternative names are not allowed",
  );
  expect(why(serving, "kubelet-serving", server)).toBeUndefined();
  expect(why(node, "kubelet-serving", server)).toBe("DNS or IP subjectAltName is required");
  expect(why(admin, "kube-apiserver-client", ["client auth"])).toBe(
    "subject must not contain system:masters",
  );
  const csr = csrOf(node, "kubernetes.io/kube-apiserver-client-kubelet", client);
  const by = (username: string) =>
    recognize({ ...csr, spec: { ...csr.spec, username } }, readRequest(node))?.permission;
  expect(by("system:node:n1")).toBe("selfnodeclient");
  expect(by("system:bootstrap:abc")).toBe("nodeclient");
});

test("requests are kept as long as upstream keeps them", () => {
  const created = "2026-11-23T12:00:00Z";
  const base = { ...csrOf("", CLIENT, []), metadata: { name: "c", creationTimestamp: created } };
  expect(staleAt(base)).toBe(Date.parse(created) + 24 * 3_600_000);
  const denied = { type: "Denied", status: "True", lastUpdateTime: created };
  expect(staleAt({ ...base, status: { conditions: [denied] } })).toBe(Date.parse(created) + 3_600_000);
});
