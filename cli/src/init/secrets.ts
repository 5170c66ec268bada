import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { createBusSeeds, type BusSeeds } from "./bus.ts";
import { type Directory, MASTER } from "./files.ts";

/** What is made once and kept for the cluster's life, in the volume that only `init` mounts. */
export interface Secrets {
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  /** AES-256, base64. */
  readonly encryptionKey: string;
  readonly redisPassword: string;
  /** `id.secret`, in the form of upstream's bootstrap tokens. */
  readonly bootstrapToken: string;
  readonly bus: BusSeeds;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const word = (length: number): string =>
  Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");

const serviceAccountKeys = (): Pick<Secrets, "serviceAccountKey" | "serviceAccountPublicKey"> => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { serviceAccountKey: privateKey, serviceAccountPublicKey: publicKey };
};

/** The cluster's secrets: those in the directory, and new ones for what is missing. */
export async function openSecrets(directory: Directory): Promise<Secrets> {
  const stored = JSON.parse((await directory.read("secrets.json")) ?? "{}") as Partial<Secrets>;
  const { serviceAccountKey, serviceAccountPublicKey } = stored;
  const secrets: Secrets = {
    ...(serviceAccountKey !== undefined && serviceAccountPublicKey !== undefined
      ? { serviceAccountKey, serviceAccountPublicKey }
      : serviceAccountKeys()),
    encryptionKey: stored.encryptionKey ?? randomBytes(32).toString("base64"),
    redisPassword: stored.redisPassword ?? randomBytes(32).toString("base64url"),
    bootstrapToken: stored.bootstrapToken ?? `${word(6)}.${word(16)}`,
    bus: stored.bus ?? createBusSeeds(),
  };
  await directory.write("secrets.json", `${JSON.stringify(secrets, undefined, 2)}\n`, MASTER);
  return secrets;
}
