/** ServiceAccount tokens bound to pods: asked for once, and again at 80 % of their life or at an age, whichever is first. */
import type { TokenRequest } from "@coracle/shared/api/generated/authentication-v1.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceAccounts } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { TokenSource } from "./volume.ts";

interface Token {
  readonly value: string;
  readonly renewAt: number;
  readonly endsAt: number;
}
const LIFE_SHARE = 0.8;
/** A token that could not be renewed is good for a while yet. */
const RETRY_MS = 30_000;

/** A source that asks the API, as the node. */
export function createTokenSource(client: Client, steady: () => number, maxAgeMs: number): TokenSource {
  const byPod = new Map<string, Map<string, Token>>();

  const request = async (pod: Pod, audience: string, expirationSeconds: number): Promise<Token> => {
    const { name, namespace, uid } = pod.metadata;
    const asked = steady();
    const answer = await client.createSubresource<TokenRequest>(
      serviceAccounts,
      { namespace, name: pod.spec?.serviceAccountName || "default" },
      "token",
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: {},
        spec: {
          audiences: audience ? [audience] : [],
          expirationSeconds,
          boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid },
        },
      },
    );
    const value = answer.status?.token ?? "";
    if (!value) throw new Error("the API answered a token request without a token");
    // Counted on our own clock: the server's may differ, and the wall's may jump.
    const life = (answer.spec?.expirationSeconds ?? expirationSeconds) * 1000;
    return { value, renewAt: asked + Math.min(life * LIFE_SHARE, maxAgeMs), endsAt: asked + life };
  };
  const renewed = async (known: Token | undefined, ask: () => Promise<Token>): Promise<Token> => {
    try {
      return await ask();
    } catch (error) {
      if (!known || known.endsAt <= steady()) throw error;
      return { ...known, renewAt: Math.min(steady() + RETRY_MS, known.endsAt) };
    }
  };

  return {
    token: async (pod, { audience, expirationSeconds }) => {
      const uid = pod.metadata.uid ?? "";
      const key = `${audience}|${expirationSeconds}`;
      const held = byPod.get(uid) ?? new Map<string, Token>();
      byPod.set(uid, held);
      const known = held.get(key);
      if (known && known.renewAt > steady()) return known.value;
      const fresh = await renewed(known, () => request(pod, audience, expirationSeconds));
      held.set(key, fresh);
      return fresh.value;
    },
    forget: (uid) => void byPod.delete(uid),
    renewAt: (uid) => {
      const times = [...(byPod.get(uid)?.values() ?? [])].map((token) => token.renewAt);
      return times.length > 0 ? Math.min(...times) : undefined;
    },
  };
}
