import type { CertificateSigningRequest } from "@coracle/shared/api/generated/certificates-v1.ts";
import type { ReadRequest } from "./x509.ts";

/** What each of the built-in signers will sign, and what is approved without asking anybody. Pure. */

export const CLIENT = "kubernetes.io/kube-apiserver-client";
export const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
export const KUBELET_SERVING = "kubernetes.io/kubelet-serving";
export const LEGACY = "kubernetes.io/legacy-unknown";
export const SIGNERS: ReadonlySet<string> = new Set([CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY]);

const sameUsages = (usages: readonly string[], wanted: readonly string[]): boolean =>
  usages.length === wanted.length && wanted.every((u) => usages.includes(u));

const isNodeSubject = (r: ReadRequest): boolean =>
  r.organizations.length === 1 &&
  r.organizations[0] === "system:nodes" &&
  r.commonName.startsWith("system:node:");

/** Why the signer must refuse; undefined when it may sign. */
export function refusal(csr: CertificateSigningRequest, request: ReadRequest): string | undefined {
  const usages = csr.spec.usages ?? [];
  const names = [...request.dnsNames, ...request.ipAddresses, ...request.emails, ...request.uris];
  const core = usages.filter((u) => u !== "key encipherment");
  switch (csr.spec.signerName) {
    case CLIENT: {
      const allowed = ["client auth", "digital signature", "key encipherment"];
      const bad = usages.find((u) => !allowed.includes(u));
      if (bad !== undefined) return `invalid usage for client certificate: ${bad}`;
      if (!usages.includes("client auth"))
        return "missing required usage for client certificate: client auth";
      return request.organizations.includes("system:masters")
        ? "subject must not contain system:masters"
        : undefined;
    }
    case KUBELET_CLIENT:
      if (!isNodeSubject(request)) return "subject must be that of a node";
      if (names.length > 0) return "subject alternative names are not allowed";
      return sameUsages(core, ["digital signature", "client auth"])
        ? undefined
        : "usages must be those of a kubelet client certificate";
    case KUBELET_SERVING:
      if (!isNodeSubject(request)) return "subject must be that of a node";
      if (request.dnsNames.length + request.ipAddresses.length === 0)
        return "DNS or IP subjectAltName is required";
      if (request.emails.length + request.uris.length > 0)
        return "email and URI subjectAltNames are not allowed";
      return sameUsages(core, ["digital signature", "server auth"])
        ? undefined
        : "usages must be those of a kubelet serving certificate";
    default:
      return undefined;
  }
}

export interface Recognized {
  /** The verb's subresource on certificatesigningrequests that the requester must be allowed to create. */
  readonly permission: "selfnodeclient" | "nodeclient";
  readonly message: string;
}

/** Kubelet client certificates: a node renews its own, or a bootstrapping one asks for its first. */
export function recognize(csr: CertificateSigningRequest, request: ReadRequest): Recognized | undefined {
  if (csr.spec.signerName !== KUBELET_CLIENT || refusal(csr, request) !== undefined) return undefined;
  return csr.spec.username === request.commonName
    ? {
        permission: "selfnodeclient",
        message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
      }
    : {
        permission: "nodeclient",
        message: "Auto approving kubelet client certificate after SubjectAccessReview.",
      };
}
