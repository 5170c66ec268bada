import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { randomBytes, webcrypto } from "node:crypto";

/** Certificates by the platform's cryptography: reading requests, signing certificates. */

const EC = { name: "ECDSA", namedCurve: "P-256" };

export interface ReadRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
  readonly raw: x509.Pkcs10CertificateRequest;
}

const alternativeNamesOf = (
  raw: x509.Pkcs10CertificateRequest,
): x509.SubjectAlternativeNameExtension | undefined =>
  raw.extensions.find((e) => e instanceof x509.SubjectAlternativeNameExtension);

/** `base64` of the PEM, as a CertificateSigningRequest carries it. */
export function readRequest(base64: string): ReadRequest {
  const raw = new x509.Pkcs10CertificateRequest(Buffer.from(base64, "base64").toString());
  const subject = new x509.Name(raw.subject);
  const names = alternativeNamesOf(raw)?.names.items ?? [];
  const of = (type: string): string[] => names.filter((n) => n.type === type).map((n) => n.value);
  return {
    commonName: subject.getField("CN")[0] ?? "",
    organizations: subject.getField("O"),
    dnsNames: of("dns"),
    ipAddresses: of("ip"),
    emails: of("email"),
    uris: of("url"),
    raw,
  };
}

const KEY_USAGES: Readonly<Record<string, number>> = {
  signing: x509.KeyUsageFlags.digitalSignature,
  "digital signature": x509.KeyUsageFlags.digitalSignature,
  "content commitment": x509.KeyUsageFlags.nonRepudiation,
  "key encipherment": x509.KeyUsageFlags.keyEncipherment,
  "key agreement": x509.KeyUsageFlags.keyAgreement,
  "data encipherment": x509.KeyUsageFlags.dataEncipherment,
  "cert sign": x509.KeyUsageFlags.keyCertSign,
  "crl sign": x509.KeyUsageFlags.cRLSign,
  "encipher only": x509.KeyUsageFlags.encipherOnly,
  "decipher only": x509.KeyUsageFlags.decipherOnly,
};
const EXTENDED: Readonly<Record<string, string>> = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
};

export interface Signer {
  sign(request: ReadRequest, usages: readonly string[], notAfter: Date, now: Date): Promise<string>;
  /** Nothing signed by it is valid for longer. */
  readonly expires: Date;
}

export async function createSigner(caPem: string, keyPem: string): Promise<Signer> {
  const ca = new x509.X509Certificate(caPem);
  const pkcs8 = x509.PemConverter.decodeFirst(keyPem);
  const key = await webcrypto.subtle.importKey("pkcs8", pkcs8, EC, false, ["sign"]);
  return {
    expires: ca.notAfter,
    async sign(request, usages, notAfter, now) {
      const flags = usages.reduce((all, usage) => all | (KEY_USAGES[usage] ?? 0), 0);
      const extended = usages.flatMap((usage) => EXTENDED[usage] ?? []);
      const names = alternativeNamesOf(request.raw);
      const certificate = await x509.X509CertificateGenerator.create({
        // Positive and without leading zeros, as DER wants it.
        serialNumber: `01${randomBytes(15).toString("hex")}`,
        subject: request.raw.subject,
        issuer: ca.subject,
        // A little in the past, for clocks that are behind.
        notBefore: new Date(now.getTime() - 5 * 60_000),
        notAfter,
        publicKey: request.raw.publicKey,
        signingKey: key,
        signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          ...(flags ? [new x509.KeyUsagesExtension(flags, true)] : []),
          ...(extended.length > 0 ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
          ...(names ? [names] : []),
          await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
        ],
      });
      return Buffer.from(`${certificate.toString("pem")}\n`).toString("base64");
    },
  };
}

/** When a PEM certificate (base64 of it) ends; undefined when it cannot be read. */
export function endOf(base64: string): number | undefined {
  try {
    return new x509.X509Certificate(Buffer.from(base64, "base64").toString()).notAfter.getTime();
  } catch {
    return undefined;
  }
}
