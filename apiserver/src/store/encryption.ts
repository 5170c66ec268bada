import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { internalError } from "@coracle/shared/errors.ts";
import type { EncryptionKey, EncryptionRule, Provider } from "./encryption-config.ts";
import { keyText } from "./keys.ts";
import { StoreError, type ObjectKey, type Store, type StoredObject } from "./store.ts";

/** An encrypted body is this, the key's name, a colon, and base64 of nonce (12 bytes), ciphertext and tag (16 bytes). */
const prefix = "k8s:enc:aesgcm:v1:";

export interface EncryptedStore extends Store {
  /**
   * Brings what the last snapshot found in another form to the one the configuration asks for: after a new key was put first, or
   * encryption was turned on or off. @returns how many objects were written
   */
  reencrypt(signal: AbortSignal): Promise<number>;
}

/**
 * Encrypts the bodies of the resources named in the configuration before they reach the store. A body is bound to its
 * object: it cannot be moved to another name. Bodies written before encryption was configured, or with an older key that is
 * still listed, are read; every write uses the first provider's first key.
 */
export function createEncryptedStore(inner: Store, rules: readonly EncryptionRule[]): EncryptedStore {
  let outdated: readonly ObjectKey[] = [];
  const open = <T extends StoredObject>(stored: T): T => {
    const body = decrypt(rules, stored.key, stored.body);
    return body === stored.body ? stored : { ...stored, body };
  };
  return {
    create: (key, body) => inner.create(key, encrypt(rules, key, body)),
    update: (key, body, expected) => inner.update(key, encrypt(rules, key, body), expected),
    delete: (key, body, expected) => inner.delete(key, encrypt(rules, key, body), expected),
    async get(key) {
      const stored = await inner.get(key);
      return stored && open(stored);
    },
    async snapshot() {
      const { revision, objects } = await inner.snapshot();
      outdated = objects.filter((stored) => !isCurrent(rules, stored)).map((stored) => stored.key);
      return { revision, objects: objects.map(open) };
    },
    async *changes(after, signal) {
      for await (const batch of inner.changes(after, signal)) yield batch.map(open);
    },
    reencrypt: (signal) => reencrypt(inner, rules, outdated, signal),
    revision: () => inner.revision(),
    compact: (revision) => inner.compact(revision),
    close: () => inner.close(),
  };
}

/** How many are written again at once. */
const width = 16;

/**
 * Writes objects again that are not in the form their configuration asks for. `inner` is the store below the encryption.
 * @returns how many were written
 */
async function reencrypt(
  inner: Store,
  rules: readonly EncryptionRule[],
  keys: readonly ObjectKey[],
  signal: AbortSignal,
): Promise<number> {
  let written = 0;
  const left = keys.values();
  const work = async (): Promise<void> => {
    for (const key of left) {
      if (signal.aborted) return;
      const stored = await inner.get(key);
      if (!stored || isCurrent(rules, stored)) continue;
      const body = encrypt(rules, key, decrypt(rules, key, stored.body));
      try {
        await inner.update(key, body, stored.revision);
        written++;
      } catch (error) {
        // Somebody else has written or deleted it meanwhile, with the new key.
        if (!(error instanceof StoreError)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return written;
}

function isCurrent(rules: readonly EncryptionRule[], { key, body }: StoredObject): boolean {
  const writer = providersFor(rules, key.resource)[0];
  return writer?.type === "aesgcm"
    ? body.startsWith(`${prefix}${writer.keys[0]?.name}:`)
    : !body.startsWith(prefix);
}

function providersFor(rules: readonly EncryptionRule[], resource: string): readonly Provider[] {
  const group = resource.slice(resource.indexOf(".") + 1);
  const rule = rules.find((r) =>
    r.resources.some(
      (name) =>
        name === resource || name === "*.*" || name === (resource.includes(".") ? `*.${group}` : "*."),
    ),
  );
  return rule?.providers ?? [];
}

function encrypt(rules: readonly EncryptionRule[], key: ObjectKey, body: string): string {
  const writer = providersFor(rules, key.resource)[0];
  const secret = writer?.type === "aesgcm" ? writer.keys[0] : undefined;
  if (!secret) return body;
  const nonce = randomBytes(12);
  const cipher = createCipheriv(algorithm(secret), secret.secret, nonce);
  cipher.setAAD(Buffer.from(keyText(key)));
  const sealed = Buffer.concat([nonce, cipher.update(body, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `${prefix}${secret.name}:${sealed.toString("base64")}`;
}

function decrypt(rules: readonly EncryptionRule[], key: ObjectKey, body: string): string {
  if (!body.startsWith(prefix)) return body;
  const end = body.indexOf(":", prefix.length);
  const name = body.slice(prefix.length, end);
  const secret = providersFor(rules, key.resource)
    .flatMap((p) => (p.type === "aesgcm" ? p.keys : []))
    .find((k) => k.name === name);
  if (!secret) throw internalError(`no key named ${JSON.stringify(name)} to decrypt ${keyText(key)}`);
  const sealed = Buffer.from(body.slice(end + 1), "base64");
  const decipher = createDecipheriv(algorithm(secret), secret.secret, sealed.subarray(0, 12));
  decipher.setAAD(Buffer.from(keyText(key)));
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString("utf8");
  } catch {
    throw internalError(`${keyText(key)} cannot be decrypted: it was changed, or its key was`);
  }
}

const algorithm = ({ secret }: EncryptionKey) => `aes-${(secret.length * 8) as 128 | 192 | 256}-gcm` as const;
