import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A new key and a request to sign its certificate: PEM of the key, base64 of the PEM request as `spec.request` wants it. */
export async function signingRequest(
  name: string,
): Promise<{ readonly request: string; readonly key: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name, keys, signingAlgorithm: algorithm },
    webcrypto,
  );
  return {
    request: Buffer.from(request.toString("pem")).toString("base64"),
    key: await privatePem(keys.privateKey),
  };
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
}

export interface ServingCertificate {
  readonly caBundle: string;
  readonly certificate: string;
  readonly key: string;
}

/** An authority of its own and a certificate that it signed for the DNS names: PEM, but base64 of PEM for `caBundle`. */
export async function servingCertificate(names: readonly string[]): Promise<ServingCertificate> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [authorityKeys, keys] = [await newKeys(), await newKeys()];
  const day = 86_400_000;
  const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) };
  const authority = await X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=test authority",
      keys: authorityKeys,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
      ...validity,
    },
    webcrypto,
  );
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `CN=${names[0]}`,
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: authorityKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns" as const, value }))),
      ],
      ...validity,
    },
    webcrypto,
  );
  return {
    caBundle: Buffer.from(authority.toString("pem")).toString("base64"),
    certificate: certificate.toString("pem"),
    key: await privatePem(keys.privateKey),
  };
}
