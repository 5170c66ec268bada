import { unauthorized } from "@coracle/shared/errors.ts";
import type { ApiRequest, UserInfo } from "../request.ts";
import { bearerToken } from "./bearer.ts";
import { isBootstrapToken, type BootstrapTokens } from "./bootstrap-token.ts";
import { anonymous, withAuthenticatedGroup } from "./groups.ts";
import type { ServiceAccountTokens, VerifiedToken } from "./service-account-token.ts";

export type Authenticate = (request: ApiRequest) => Promise<UserInfo>;

export interface AuthenticationParts {
  readonly serviceAccounts: ServiceAccountTokens;
  readonly bootstrap: BootstrapTokens;
}

/**
 * Who sends a request: the connection's own user (client certificate, bus identity), else the bearer token's, else
 * `system:anonymous`.
 */
export function createAuthenticate(parts: AuthenticationParts): Authenticate {
  return async (request) => {
    if (request.connectionUser) return withAuthenticatedGroup(request.connectionUser);
    const token = bearerToken(request.headers);
    if (token === undefined) {
      // Credentials of a kind that is not served are bad ones, not absent ones.
      if (request.headers["authorization"]) throw unauthorized();
      return anonymous;
    }
    const verified = await verifyToken(parts, token);
    if (!verified) throw unauthorized();
    return withAuthenticatedGroup(verified.user);
  };
}

/**
 * What a token stands for, to requests and to TokenReview.
 * @param audiences those the caller is content with; the API's own when absent
 */
export async function verifyToken(
  { bootstrap, serviceAccounts }: AuthenticationParts,
  token: string,
  audiences?: readonly string[],
): Promise<VerifiedToken | undefined> {
  if (!isBootstrapToken(token)) return serviceAccounts.verify(token, audiences);
  const user = await bootstrap.verify(token);
  return user && { user, audiences: [] };
}
