import { permissionsFor } from "@coracle/shared/bus/permissions.ts";
import { nodeIdentity } from "@coracle/shared/bus/subjects.ts";
import { badRequest, unauthorized } from "@coracle/shared/errors.ts";
import { encodeUser } from "@nats-io/jwt";
import { fromPublic, fromSeed } from "@nats-io/nkeys";
import type { BootstrapTokens } from "../authn/bootstrap-token.ts";

/** What a kubelet sends on `bootstrap.node`. */
export interface NodeCredentialsRequest {
  readonly token: string;
  readonly node: string;
  /** The public user nkey of the kubelet's own key pair. */
  readonly nkey: string;
}
export interface NodeCredentials {
  readonly jwt: string;
  /** RFC 3339. The kubelet asks again before. */
  readonly expires: string;
}

export interface NodeCredentialsParts {
  readonly tokens: BootstrapTokens;
  /** `nats-account.seed`: signs users of account CORACLE. */
  readonly signingSeed: string;
  /** `nats-account.pub`: the account itself. */
  readonly accountPublicKey: string;
  readonly now: () => Date;
}

const lifeMs = 24 * 3600_000;
/** A DNS subdomain, as node names are. */
const nodeName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Gives a node its bus credentials for a bootstrap token; the node's seed stays with the node. */
export function createNodeCredentials(
  parts: NodeCredentialsParts,
): (request: NodeCredentialsRequest) => Promise<NodeCredentials> {
  const signer = fromSeed(Buffer.from(parts.signingSeed.trim()));
  const issuerAccount = parts.accountPublicKey.trim();
  return async ({ token, node, nkey }) => {
    const user = await parts.tokens.verify(token);
    if (!user) throw unauthorized();
    if (typeof node !== "string" || node.length > 253 || !nodeName.test(node))
      throw badRequest("not a node name");
    const key = userKey(nkey);
    const identity = nodeIdentity(node);
    const { publish, subscribe } = permissionsFor(identity);
    const expires = new Date(Math.floor((parts.now().getTime() + lifeMs) / 1000) * 1000);
    const jwt = await encodeUser(
      identity,
      key,
      signer,
      {
        issuer_account: issuerAccount,
        pub: { allow: [...publish] },
        sub: { allow: [...subscribe] },
        subs: -1,
        data: -1,
        payload: -1,
      },
      { exp: Math.floor(expires.getTime() / 1000) },
    );
    return { jwt, expires: expires.toISOString() };
  };
}

function userKey(nkey: unknown): ReturnType<typeof fromPublic> {
  try {
    if (typeof nkey === "string" && nkey.startsWith("U")) return fromPublic(nkey);
  } catch {
    // Answered below: what failed to decode is of no interest.
  }
  throw badRequest("not a public user nkey");
}
