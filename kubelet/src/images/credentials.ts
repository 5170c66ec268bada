/** Registry credentials out of pull secrets. */
import { createHash } from "node:crypto";
import type { Pod, Secret } from "@coracle/shared/api/generated/core-v1.ts";
import type { References } from "../container/env.ts";
import type { RegistryAuth } from "../runtime/runtime.ts";
import { parseImage } from "./reference.ts";

interface Entry {
  readonly pattern: string;
  readonly auth: RegistryAuth;
}
interface RawAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

function toAuth(server: string, raw: RawAuth): RegistryAuth {
  const decoded = raw.auth ? Buffer.from(raw.auth, "base64").toString() : "";
  const colon = decoded.indexOf(":");
  return {
    username: raw.username ?? (colon < 0 ? decoded : decoded.slice(0, colon)),
    password: raw.password ?? (colon < 0 ? "" : decoded.slice(colon + 1)),
    identityToken: raw.identitytoken,
    registryToken: raw.registrytoken,
    serverAddress: server,
  };
}

/** The entries of a pull secret of either type. An unreadable one has none. */
export function credentialsOf(secret: Secret): Entry[] {
  const read = (key: string): unknown => {
    const text = secret.data?.[key];
    if (text === undefined) return undefined;
    try {
      return JSON.parse(Buffer.from(text, "base64").toString());
    } catch {
      return undefined;
    }
  };
  const config =
    secret.type === "kubernetes.io/dockercfg"
      ? read(".dockercfg")
      : (read(".dockerconfigjson") as { auths?: unknown } | undefined)?.auths;
  if (typeof config !== "object" || config === null) return [];
  return Object.entries(config as Record<string, RawAuth>).map(([server, raw]) => ({
    pattern: server.replace(/^https?:\/\//, "").replace(/\/$/, ""),
    auth: toAuth(server, raw),
  }));
}

const HUB = new Set(["docker.io", "index.docker.io", "index.docker.io/v1", "registry-1.docker.io"]);

/** Whether an entry's server, with an optional path and `*` in host labels, covers the image. */
function covers(pattern: string, registry: string, repository: string): boolean {
  if (HUB.has(pattern)) return registry === "docker.io";
  const slash = pattern.indexOf("/");
  const host = slash < 0 ? pattern : pattern.slice(0, slash);
  const path = slash < 0 ? "" : pattern.slice(slash + 1);
  const [wanted, given] = [host.split("."), registry.split(".")];
  const hostMatches =
    wanted.length === given.length &&
    wanted.every((label, i) =>
      new RegExp(`^${label.replaceAll(/[.+^${}()|[\]\\?]/g, "\\$&").replaceAll("*", "[^.]*")}$`).test(
        given[i] ?? "",
      ),
    );
  return hostMatches && (path === "" || repository === path || repository.startsWith(`${path}/`));
}

/** Tells credentials apart without giving them away. */
export const credentialDigest = ({
  username,
  password,
  identityToken,
  registryToken,
}: RegistryAuth): string =>
  createHash("sha256")
    .update(JSON.stringify([username, password, identityToken, registryToken]))
    .digest("hex");

/**
 * The credentials to try for an image, the most specific first. Empty: pull without. `missing` hears of the pod's pull secrets
 * that are not there.
 */
export async function credentialsFor(
  image: string,
  pod: Pod,
  references: References,
  missing: (names: readonly string[]) => void = () => undefined,
): Promise<readonly RegistryAuth[]> {
  const parsed = parseImage(image);
  if (!parsed) return [];
  const namespace = pod.metadata.namespace ?? "";
  const names = (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
  const found = await Promise.all(
    names.map(async (name) => ({ name, secret: await references.secret(namespace, name) })),
  );
  const absent = found.filter(({ secret }) => !secret).map(({ name }) => name);
  if (absent.length > 0) missing(absent);
  return found
    .flatMap(({ secret }) => (secret ? credentialsOf(secret) : []))
    .filter(({ pattern }) => covers(pattern, parsed.registry, parsed.repository))
    .toSorted((a, b) => b.pattern.length - a.pattern.length)
    .map(({ auth }) => auth);
}
