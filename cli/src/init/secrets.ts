import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { createBusSeeds, type BusSeeds } from "./bus.ts";
import { type Directory, MASTER } from "./files.ts";

export interface EncryptionKey {
  readonly name: string;
  /** AES-256, base64. */
  readonly secret: string;
}

const newKey = (number: number): EncryptionKey => ({
  name: `key${number}`,
  secret: randomBytes(32).toString("base64"),
});

/** The steps of a rotation: all API servers can read with a new key, then write with it, and every object again; then it is alone. */
export const ROTATIONS = ["add", "promote", "drop"] as const;
export type Rotation = (typeof ROTATIONS)[number];

const numberOf = (key: EncryptionKey): number => Number(key.name.slice("key".length));

/** The keys after a step; the first one writes. A rotation that was broken off is begun again with yet another key. */
function rotate(keys: readonly EncryptionKey[], rotation: Rotation | undefined): readonly EncryptionKey[] {
  const newest = keys.reduce((best, key) => (numberOf(key) > numberOf(best) ? key : best));
  switch (rotation) {
    case undefined:
      return keys;
    case "add":
      return [...keys, newKey(numberOf(newest) + 1)];
    case "promote":
      return [newest, ...keys.filter((key) => key !== newest)];
    case "drop":
      return keys.slice(0, 1);
  }
}

/** What is made once and kept for the cluster's life, in the volume that only `init` mounts. */
export interface Secrets {
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  /** The first one writes, all of them read. */
  readonly encryptionKeys: readonly EncryptionKey[];
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

/** Clusters of an earlier version have one key. */
type StoredSecrets = Partial<Secrets> & { readonly encryptionKey?: string };
const firstKey = ({ encryptionKey }: StoredSecrets): EncryptionKey =>
  encryptionKey === undefined ? newKey(1) : { name: "key1", secret: encryptionKey };

/** The cluster's secrets: those in the directory, and new ones for what is missing. */
export async function openSecrets(directory: Directory, rotation?: Rotation): Promise<Secrets> {
  const stored = JSON.parse((await directory.read("secrets.json")) ?? "{}") as StoredSecrets;
  const { serviceAccountKey, serviceAccountPublicKey } = stored;
  const secrets: Secrets = {
    ...(serviceAccountKey !== undefined && serviceAccountPublicKey !== undefined
      ? { serviceAccountKey, serviceAccountPublicKey }
      : serviceAccountKeys()),
    encryptionKeys: rotate(stored.encryptionKeys ?? [firstKey(stored)], rotation),
    redisPassword: stored.redisPassword ?? randomBytes(32).toString("base64url"),
    bootstrapToken: stored.bootstrapToken ?? `${word(6)}.${word(16)}`,
    bus: stored.bus ?? createBusSeeds(),
  };
  await directory.write("secrets.json", `${JSON.stringify(secrets, undefined, 2)}\n`, MASTER);
  return secrets;
}
