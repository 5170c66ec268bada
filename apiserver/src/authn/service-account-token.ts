import { createHash } from "node:crypto";
import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { createLru } from "@coracle/shared/client/lru.ts";
import { decodeProtectedHeader, jwtVerify, type JWTPayload } from "jose";
import type { Lookup } from "../identity/lookup.ts";
import type { TokenKeys } from "../identity/keys.ts";
import type { KubernetesClaims } from "../identity/tokens.ts";
import type { UserInfo } from "../request.ts";
import { isInvalidated } from "./legacy-tokens.ts";
import { serviceAccountGroups, serviceAccountUser } from "./groups.ts";

export interface VerifiedToken {
  readonly user: UserInfo;
  /** Those of the token's audiences that were asked for. */
  readonly audiences: readonly string[];
}

/** Checks ServiceAccount tokens, both the bound ones that TokenRequest issues and the ones kept in Secrets. */
export interface ServiceAccountTokens {
  /** @returns undefined when the token is not good for any of `audiences` (the API's own by default) */
  verify(token: string, audiences?: readonly string[]): Promise<VerifiedToken | undefined>;
}

export interface ServiceAccountTokenParts {
  readonly keys: TokenKeys;
  readonly issuer: string;
  readonly lookup: Lookup;
  readonly now: () => Date;
  /** Told of each use of a token that is kept in a Secret. */
  readonly legacyUsed?: ((secret: Secret) => void) | undefined;
}

const legacyIssuer = "kubernetes/serviceaccount";
/** How long after its deletion began an object still vouches for its tokens: pods use theirs while they terminate. */
const deletionLeewayMs = 60_000;

export function createServiceAccountTokens(parts: ServiceAccountTokenParts): ServiceAccountTokens {
  const signatures = createLru<JWTPayload>(4_096);
  return {
    async verify(token, audiences = [parts.issuer]) {
      const claims = await signed(parts, signatures, token);
      if (!claims) return undefined;
      const seconds = parts.now().getTime() / 1000;
      if ((claims.exp !== undefined && claims.exp <= seconds) || (claims.nbf ?? 0) > seconds + 60)
        return undefined;
      if (claims.iss === legacyIssuer) return verifyLegacy(parts, token, claims, audiences);
      const granted = audiencesOf(claims).filter((a) => audiences.includes(a));
      if (granted.length === 0) return undefined;
      const user = await verifyBound(parts, claims);
      return user && { user, audiences: granted };
    },
  };
}

const audiencesOf = ({ aud }: JWTPayload): readonly string[] =>
  aud === undefined ? [] : typeof aud === "string" ? [aud] : aud;

/** The claims of a token with a good signature. Signatures are checked once; everything else each time. */
async function signed(
  { keys, issuer }: ServiceAccountTokenParts,
  known: ReturnType<typeof createLru<JWTPayload>>,
  token: string,
): Promise<JWTPayload | undefined> {
  const digest = createHash("sha256").update(token).digest("base64");
  const have = known.get(digest);
  if (have) return have;
  const id = keyId(token);
  for (const candidate of keys.verifying) {
    if (id !== undefined && id !== candidate.id) continue;
    try {
      const { payload } = await jwtVerify(token, candidate.key, {
        algorithms: [candidate.algorithm],
        issuer: [issuer, legacyIssuer],
        // Times are checked by the caller, against the clock it was given.
        currentDate: new Date(0),
        clockTolerance: Number.MAX_SAFE_INTEGER,
      });
      known.set(digest, payload);
      return payload;
    } catch {
      // Not this key's; a token nobody signed is no error of ours.
    }
  }
  return undefined;
}

function keyId(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}

async function verifyBound(
  { lookup, now }: ServiceAccountTokenParts,
  claims: JWTPayload,
): Promise<UserInfo | undefined> {
  const bound = claims["kubernetes.io"] as KubernetesClaims | undefined;
  if (!bound?.serviceaccount?.uid || !bound.namespace) return undefined;
  const { namespace, serviceaccount, pod, secret, node } = bound;
  if (claims.sub !== serviceAccountUser(namespace, serviceaccount.name)) return undefined;
  const stands = async (
    resource: string,
    within: string,
    ref: { name: string; uid?: string | undefined },
  ) => {
    const object = await lookup({ resource, namespace: within, name: ref.name });
    return (
      object !== undefined &&
      (ref.uid === undefined || object.metadata.uid === ref.uid) &&
      !isGone(object.metadata.deletionTimestamp, now())
    );
  };
  if (!(await stands("serviceaccounts", namespace, serviceaccount))) return undefined;
  if (pod && !(await stands("pods", namespace, pod))) return undefined;
  if (secret && !(await stands("secrets", namespace, secret))) return undefined;
  // A pod's token outlives its node's object; only a token bound to the node itself ends with it.
  if (node && !pod && !(await stands("nodes", "", node))) return undefined;
  return {
    username: serviceAccountUser(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: serviceAccountGroups(namespace),
    extra: extraOf(claims.jti, pod, node),
  };
}

const isGone = (deletion: string | undefined, now: Date): boolean =>
  deletion !== undefined && Date.parse(deletion) < now.getTime() - deletionLeewayMs;

function extraOf(
  jti: string | undefined,
  pod: KubernetesClaims["pod"],
  node: KubernetesClaims["node"],
): Record<string, string[]> {
  const prefix = "authentication.kubernetes.io";
  return {
    ...(jti ? { [`${prefix}/credential-id`]: [`JTI=${jti}`] } : {}),
    ...(pod ? { [`${prefix}/pod-name`]: [pod.name], [`${prefix}/pod-uid`]: [pod.uid] } : {}),
    ...(node ? { [`${prefix}/node-name`]: [node.name] } : {}),
    ...(node?.uid ? { [`${prefix}/node-uid`]: [node.uid] } : {}),
  };
}

const legacy = "kubernetes.io/serviceaccount/";

/** Tokens kept in Secrets never expire; they are good as long as the Secret that holds them and their account. */
async function verifyLegacy(
  { lookup, issuer, now, legacyUsed }: ServiceAccountTokenParts,
  token: string,
  claims: JWTPayload,
  audiences: readonly string[],
): Promise<VerifiedToken | undefined> {
  const text = (name: string): string => {
    const value = claims[`${legacy}${name}`];
    return typeof value === "string" ? value : "";
  };
  const namespace = text("namespace");
  const name = text("service-account.name");
  const uid = text("service-account.uid");
  if (!audiences.includes(issuer) || !uid || claims.sub !== serviceAccountUser(namespace, name))
    return undefined;
  const secret = (await lookup({ resource: "secrets", namespace, name: text("secret.name") })) as
    | Secret
    | undefined;
  const held = Buffer.from(secret?.data?.["token"] ?? "", "base64").toString("utf8");
  if (!secret || held !== token || isGone(secret.metadata.deletionTimestamp, now())) return undefined;
  const account = await lookup({ resource: "serviceaccounts", namespace, name });
  if (account?.metadata.uid !== uid || isGone(account.metadata.deletionTimestamp, now())) return undefined;
  if (isInvalidated(secret)) return undefined;
  legacyUsed?.(secret);
  const user = {
    username: serviceAccountUser(namespace, name),
    uid,
    groups: serviceAccountGroups(namespace),
  };
  return { user, audiences: [issuer] };
}
