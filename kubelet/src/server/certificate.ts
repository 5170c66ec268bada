import { spawn } from "node:child_process";
import { once } from "node:events";
import { generateKeyPairSync } from "node:crypto";
import { text } from "node:stream/consumers";

export interface ServingCertificate {
  /** PEM. The key never leaves this process and the tool's standard input. */
  readonly key: string;
  readonly cert: string;
}

export interface ServingNames {
  readonly node: string;
  readonly addresses: readonly string[];
}

/** A process does not outlive it: every start makes a new one. */
const DAYS = "3650";

/**
 * A self-signed certificate for the node's names, as a kubelet has that was given none. Made by openssl: a library for it would
 * stay in the memory of every node for one call. @throws when openssl is missing or refuses
 */
export async function createServingCertificate({
  node,
  addresses,
}: ServingNames): Promise<ServingCertificate> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const names = [`DNS:${node}`, ...addresses.map((address) => `IP:${address}`)].join(",");
  const subject = ["-subj", `/CN=${node}`, "-addext", `subjectAltName=${names}`];
  const usage = ["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth"];
  const args = ["req", "-x509", "-new", "-key", "/dev/stdin", "-days", DAYS, "-sha256", ...subject, ...usage];
  // What Node gives a child as its input is a socket, which openssl cannot open by name.
  const openssl = spawn("sh", ["-c", 'cat | openssl "$@"', "openssl", ...args]);
  openssl.stdin.on("error", () => undefined).end(key);
  const [cert, complaint, [code]] = await Promise.all([
    text(openssl.stdout),
    text(openssl.stderr),
    once(openssl, "close") as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`openssl made no certificate: ${complaint.trim()}`);
  return { key, cert };
}
