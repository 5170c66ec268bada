import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, type JWK } from "jose";

/** Signs and checks ServiceAccount tokens: one private key, and every public key whose tokens are still good. */
export interface TokenKeys {
  readonly signing: { readonly key: KeyObject; readonly id: string; readonly algorithm: string };
  readonly verifying: readonly { readonly key: KeyObject; readonly id: string; readonly algorithm: string }[];
  /** The public keys as a JWK set, the content of /openid/v1/jwks. */
  readonly jwks: { readonly keys: readonly JWK[] };
}

/** Reads `sa.key` and `sa.pub` (several PEM blocks when keys are being rotated). */
export async function loadTokenKeys(privatePem: string, publicPems: string): Promise<TokenKeys> {
  const privateKey = createPrivateKey(privatePem);
  const blocks = publicPems.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  const own = createPublicKey(privateKey);
  const others = blocks.map((pem) => createPublicKey(pem)).filter((key) => !key.equals(own));
  const verifying = await Promise.all([own, ...others].map(describeKey));
  const [first] = verifying;
  if (!first) throw new Error("there is no ServiceAccount key");
  return {
    signing: { key: privateKey, id: first.id, algorithm: first.algorithm },
    verifying,
    jwks: { keys: verifying.map((v) => v.jwk) },
  };
}

async function describeKey(key: KeyObject) {
  const algorithm = algorithmOf(key);
  const jwk = await exportJWK(key);
  const id = await calculateJwkThumbprint(jwk);
  return { key, id, algorithm, jwk: { ...jwk, kid: id, alg: algorithm, use: "sig" } };
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === "rsa") return "RS256";
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  throw new Error("ServiceAccount keys are RSA or ECDSA P-256");
}
