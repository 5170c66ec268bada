import type { PeerCertificate } from "node:tls";
import type { UserInfo } from "../request.ts";

/**
 * The user that a client certificate names: the common name, with the organizations as groups. The TLS layer has checked
 * the chain. @returns undefined when there is no certificate or it names nobody
 */
export function userFromCertificate(certificate: PeerCertificate | undefined): UserInfo | undefined {
  const subject = certificate?.subject;
  const [username] = all(subject?.["CN"]);
  if (!certificate || !username) return undefined;
  const fingerprint = certificate.fingerprint256?.replaceAll(":", "").toLowerCase();
  return {
    username,
    groups: all(subject?.["O"]),
    ...(fingerprint
      ? { extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] } }
      : {}),
  };
}

const all = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
