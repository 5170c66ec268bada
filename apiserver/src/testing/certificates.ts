import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hour = 3_600_000;

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface TestAuthority {
  readonly ca: string;
  /** `CN=web,O=team`; for a server also the names it answers to. */
  issue(name: string, dnsNames?: readonly string[], notAfter?: Date): Promise<TestCertificate>;
}

/** A certificate authority that lives as long as a test. */
export async function createTestAuthority(): Promise<TestAuthority> {
  const keys = await newKeys();
  const now = Date.now();
  const validity = { notBefore: new Date(now - hour), notAfter: new Date(now + hour) };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=test",
    keys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    ca: ca.toString("pem"),
    async issue(name, dnsNames = [], notAfter = validity.notAfter) {
      const own = await newKeys();
      const names = dnsNames.map((value) => ({ type: "dns" as const, value }));
      const certificate = await x509.X509CertificateGenerator.create({
        subject: name,
        issuer: ca.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore: validity.notBefore,
        notAfter,
        extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
      });
      const key = await webcrypto.subtle.exportKey("pkcs8", own.privateKey);
      return { cert: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
    },
  };
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
