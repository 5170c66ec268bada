import type { TokenKeys } from "./keys.ts";

/** The issuer of ServiceAccount tokens, and the audience of those meant for the API. */
export const issuerOf = (clusterDomain: string): string => `https://kubernetes.default.svc.${clusterDomain}`;

/** What `/.well-known/openid-configuration` says, so that others can check ServiceAccount tokens. */
export const openidConfiguration = (issuer: string, keys: TokenKeys): Record<string, unknown> => ({
  issuer,
  jwks_uri: `${issuer}/openid/v1/jwks`,
  response_types_supported: ["id_token"],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: [...new Set(keys.verifying.map((v) => v.algorithm))].toSorted(
    (a, b) => (a < b ? -1 : 1),
  ),
});
