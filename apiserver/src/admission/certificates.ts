import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import type { RequestInfo } from "../request.ts";
import {
  isFor,
  objectOf,
  oldObjectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

const storage = "certificatesigningrequests.certificates.k8s.io";

/** Whether the user may act for a signer: by its name, or for all of its domain. */
function may(a: Attributes, ctx: AdmissionContext, verb: "approve" | "sign", signer: string): boolean {
  const domain = `${signer.split("/", 1)[0] ?? ""}/*`;
  return [signer, domain].some((name) => {
    const info: RequestInfo = {
      isResource: true,
      verb,
      path: "",
      group: "certificates.k8s.io",
      version: "*",
      resource: "signers",
      subresource: "",
      namespace: "",
      name,
    };
    return ctx.authorize(a.user, info).allowed;
  });
}

/** Only who may approve for a signer approves its requests. */
export const certificateApproval: AdmissionPlugin = {
  name: "CertificateApproval",
  handles: (a) => a.operation === "UPDATE" && isFor(a, storage, "approval"),
  validate(a, ctx) {
    const signer = oldObjectOf<CertificateSigningRequest>(a)?.spec.signerName ?? "";
    if (may(a, ctx, "approve", signer)) return;
    throw refuse(a, `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`);
  },
};

/** Only who may sign for a signer writes a certificate, or that there will be none. */
export const certificateSigning: AdmissionPlugin = {
  name: "CertificateSigning",
  handles: (a) => a.operation === "UPDATE" && isFor(a, storage, "status"),
  validate(a, ctx) {
    const old = oldObjectOf<CertificateSigningRequest>(a);
    const next = objectOf<CertificateSigningRequest>(a);
    const same =
      JSON.stringify([old?.status?.certificate, old?.status?.conditions]) ===
      JSON.stringify([next.status?.certificate, next.status?.conditions]);
    const signer = old?.spec.signerName ?? "";
    if (same || may(a, ctx, "sign", signer)) return;
    throw refuse(a, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
  },
};

const clientSigner = "kubernetes.io/kube-apiserver-client";

/** Nobody becomes a cluster administrator by a certificate request. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  handles: (a) => a.operation === "CREATE" && isFor(a, storage),
  async validate(a) {
    const { spec } = objectOf<CertificateSigningRequest>(a);
    if (spec.signerName !== clientSigner) return;
    if (!(await organizations(a, spec.request)).includes("system:masters")) return;
    throw refuse(a, `use of ${clientSigner} signer with system:masters group is not allowed`);
  },
};

async function organizations(a: Attributes, request: string): Promise<string[]> {
  // Seldom needed and not small.
  await import("reflect-metadata");
  const { Pkcs10CertificateRequest } = await import("@peculiar/x509");
  try {
    const pem = Buffer.from(request, "base64").toString("utf8");
    return new Pkcs10CertificateRequest(pem).subjectName.getField("O");
  } catch {
    throw refuse(a, "unable to parse the certificate request");
  }
}
