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

function create(): Secrets {
  const serviceAccount = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return {
    serviceAccountKey: serviceAccount.privateKey,
    serviceAccountPublicKey: serviceAccount.publicKey,
    encryptionKey: randomBytes(32).toString("base64"),
    redisPassword: randomBytes(32).toString("base64url"),
    bootstrapToken: `${word(6)}.${word(16)}`,
    bus: createBusSeeds(),
  };
}

/** The cluster's secrets: those in the directory, and new ones for what is missing. */
export async function openSecrets(directory: Directory): Promise<Secrets> {
  const stored = await directory.read("secrets.json");
  const secrets = { ...create(), ...(stored === undefined ? {} : (JSON.parse(stored) as Partial<Secrets>)) };
  await directory.write("secrets.json", `${JSON.stringify(secrets, undefined, 2)}\n`, MASTER);
  return secrets;
}
