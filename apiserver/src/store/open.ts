import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import { redisOptionsFrom } from "./connection.ts";
import { parseEncryptionConfig } from "./encryption-config.ts";
import { createEncryptedStore, type EncryptedStore } from "./encryption.ts";
import { createRedisStore } from "./redis.ts";

export interface OpenStoreOptions {
  /** CORACLE_REDIS */
  readonly url: string;
  /** CORACLE_PKI: Redis credentials and `encryption.yaml`. */
  readonly pki: string;
  /** Without `encryption.yaml` the store is only opened when this is set: Secrets would lie in Redis as they are. */
  readonly allowPlaintext?: boolean;
  readonly log?: Logger | undefined;
}

/** The API server's store: Redis, with Secrets encrypted as `encryption.yaml` says. */
export function openStore({ url, pki, allowPlaintext, log }: OpenStoreOptions): EncryptedStore {
  const text = readEncryptionFile(join(pki, "encryption.yaml"), allowPlaintext ?? false);
  const rules = text === undefined ? [] : parseEncryptionConfig(text);
  const inner = createRedisStore({
    redis: redisOptionsFrom(url, pki),
    onDown: (reason) => log?.warn({ reason }, "the store cannot be reached"),
  });
  return createEncryptedStore(inner, rules);
}

function readEncryptionFile(path: string, mayBeAbsent: boolean): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (mayBeAbsent && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
