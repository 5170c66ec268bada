import { parse } from "yaml";

/** One key of a provider; `secret` is 16, 24 or 32 bytes. */
export interface EncryptionKey {
  readonly name: string;
  readonly secret: Buffer;
}
export type Provider =
  | { readonly type: "identity" }
  | { readonly type: "aesgcm"; readonly keys: readonly EncryptionKey[] };

/** Which resources are encrypted how: the first provider (and its first key) writes, all of them read. */
export interface EncryptionRule {
  readonly resources: readonly string[];
  readonly providers: readonly Provider[];
}

/**
 * Reads upstream's EncryptionConfiguration (apiserver.config.k8s.io/v1). Providers other than aesgcm and identity are refused.
 * @throws Error that says where the file is wrong, without any key in it
 */
export function parseEncryptionConfig(text: string): EncryptionRule[] {
  const file = readYaml(text);
  if (file["kind"] !== "EncryptionConfiguration") fail("kind", "must be EncryptionConfiguration");
  return list(file["resources"], "resources").map((entry, i) => {
    const at = `resources[${i}]`;
    const resources = list(entry["resources"], `${at}.resources`).map(String);
    const providers = list(entry["providers"], `${at}.providers`).map((p, j) =>
      parseProvider(p, `${at}.providers[${j}]`),
    );
    if (resources.length === 0) fail(`${at}.resources`, "must not be empty");
    if (providers.length === 0) fail(`${at}.providers`, "must not be empty");
    return { resources, providers };
  });
}

function readYaml(text: string): Record<string, unknown> {
  try {
    const value: unknown = parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // The parser's message quotes the file, and with it keys.
  }
  return fail("the file", "is not YAML");
}

function parseProvider(value: Record<string, unknown>, at: string): Provider {
  const types = Object.keys(value);
  if (types.length !== 1) fail(at, "must name one provider");
  if (types[0] === "identity") return { type: "identity" };
  if (types[0] !== "aesgcm") fail(at, "is not supported; use aesgcm or identity");
  const keys = list((value["aesgcm"] as Record<string, unknown>)["keys"], `${at}.aesgcm.keys`).map((k, i) =>
    parseKey(k, `${at}.aesgcm.keys[${i}]`),
  );
  if (keys.length === 0) fail(`${at}.aesgcm.keys`, "must not be empty");
  if (new Set(keys.map((k) => k.name)).size !== keys.length) fail(`${at}.aesgcm.keys`, "repeats a name");
  return { type: "aesgcm", keys };
}

function parseKey(value: Record<string, unknown>, at: string): EncryptionKey {
  const { name, secret } = value;
  if (typeof name !== "string" || name === "" || name.includes(":"))
    return fail(`${at}.name`, "is not a key name");
  const bytes = Buffer.from(typeof secret === "string" ? secret : "", "base64");
  if (![16, 24, 32].includes(bytes.length)) fail(`${at}.secret`, "must be 16, 24 or 32 bytes in base64");
  return { name, secret: bytes };
}

function list(value: unknown, at: string): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : fail(at, "must be a list");
}

function fail(at: string, why: string): never {
  throw new Error(`encryption configuration: ${at} ${why}`);
}
