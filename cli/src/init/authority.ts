import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

type CryptoKey = webcrypto.CryptoKey;
type CryptoKeyPair = webcrypto.CryptoKeyPair;

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 3600 * 1000;
const CA_DAYS = 3650;
const LEAF_DAYS = 365;
/** A certificate with less than this left is issued anew. */
export const RENEW_DAYS = 30;
/** Clocks differ; a certificate must not be from the future. */
const BACKDATE_MS = 5 * 60 * 1000;

/** A certificate and its key, in PEM. */
export interface KeyPairPem {
  readonly crt: string;
  readonly key: string;
}

/** What a certificate must say. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usage: "server" | "client" | "both";
}

export interface Authority extends KeyPairPem {
  issue(request: CertificateRequest): Promise<KeyPairPem>;
  /** Whether a pair is ours, says what is asked, fits together and lasts another 30 days. */
  isGood(pair: Partial<KeyPairPem>, request: CertificateRequest): Promise<boolean>;
}

const pemOf = async (key: CryptoKey): Promise<string> =>
  `${x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;

const importKey = (pem: string): Promise<CryptoKey> =>
  webcrypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), ALGORITHM, true, ["sign"]);

const newKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

const serial = (): string => {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  // Positive and without leading zeros, as DER wants its integers.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
};

const validity = (now: Date, days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(now.getTime() - BACKDATE_MS),
  notAfter: new Date(now.getTime() + days * DAY_MS),
});

const lasts = (certificate: x509.X509Certificate, now: Date): boolean =>
  certificate.notBefore <= now && certificate.notAfter.getTime() - now.getTime() > RENEW_DAYS * DAY_MS;

const nameOf = (request: CertificateRequest): string =>
  new x509.Name([
    ...(request.organizations ?? []).map((organization) => ({ O: [organization] })),
    { CN: [request.commonName] },
  ]).toString();

function extensionsOf(request: CertificateRequest): x509.Extension[] {
  const usages: string[] = [];
  if (request.usage !== "client") usages.push(x509.ExtendedKeyUsage.serverAuth);
  if (request.usage !== "server") usages.push(x509.ExtendedKeyUsage.clientAuth);
  const names = [
    ...(request.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

const sameExtensions = (certificate: x509.X509Certificate, request: CertificateRequest): boolean =>
  extensionsOf(request).every((wanted) => {
    const actual = certificate.getExtension(wanted.type);
    return actual !== null && Buffer.from(actual.rawData).equals(Buffer.from(wanted.rawData));
  });

async function belongTogether(certificate: x509.X509Certificate, key: CryptoKey): Promise<boolean> {
  const text = new Uint8Array([1, 2, 3]);
  const signature = await webcrypto.subtle.sign(ALGORITHM, key, text);
  const publicKey = await certificate.publicKey.export(ALGORITHM, ["verify"]);
  return webcrypto.subtle.verify(ALGORITHM, publicKey, signature, text);
}

/** A leaf that cannot be read is like one that is missing: it is issued anew. */
async function parse(
  crt: string | undefined,
  key: string | undefined,
): Promise<{ certificate: x509.X509Certificate; key: CryptoKey } | undefined> {
  if (crt === undefined || key === undefined) return undefined;
  try {
    return { certificate: new x509.X509Certificate(crt), key: await importKey(key) };
  } catch {
    return undefined;
  }
}

async function createRoot(now: Date, name: string): Promise<KeyPairPem> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    ...validity(now, CA_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { crt: `${certificate.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
}

async function isGoodRoot(pair: Partial<KeyPairPem>, now: Date): Promise<boolean> {
  if (pair.crt === undefined || pair.key === undefined) return false;
  const certificate = new x509.X509Certificate(pair.crt);
  return lasts(certificate, now) && belongTogether(certificate, await importKey(pair.key));
}

/** A certificate authority of the cluster: the one given while it is good, else a new one. */
export async function openAuthority(
  stored: Partial<KeyPairPem>,
  now = new Date(),
  name = "coracle",
): Promise<Authority> {
  const pair = (await isGoodRoot(stored, now)) ? (stored as KeyPairPem) : await createRoot(now, name);
  const root = new x509.X509Certificate(pair.crt);
  const rootKey = await importKey(pair.key);
  return {
    ...pair,
    async issue(request) {
      const keys = await newKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: nameOf(request),
        issuer: root.subject,
        ...validity(now, LEAF_DAYS),
        signingAlgorithm: ALGORITHM,
        signingKey: rootKey,
        publicKey: keys.publicKey,
        extensions: [
          ...extensionsOf(request),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
          await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
        ],
      });
      return { crt: `${certificate.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
    },
    async isGood({ crt, key }, request) {
      const parsed = await parse(crt, key);
      if (parsed === undefined) return false;
      const { certificate } = parsed;
      return (
        lasts(certificate, now) &&
        certificate.subject === nameOf(request) &&
        sameExtensions(certificate, request) &&
        (await certificate.verify({ publicKey: root.publicKey, signatureOnly: true })) &&
        belongTogether(certificate, parsed.key)
      );
    },
  };
}
