import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthenticate, verifyToken, type Authenticate } from "./authn/authenticate.ts";
import { createBootstrapTokens, type BootstrapTokens } from "./authn/bootstrap-token.ts";
import { impersonate } from "./authn/impersonate.ts";
import {
  createServiceAccountTokens,
  type ServiceAccountTokenParts,
  type ServiceAccountTokens,
} from "./authn/service-account-token.ts";
import { createAuthorize } from "./authz/authorize.ts";
import { createNodeGraph } from "./authz/node-graph.ts";
import { createNodeAuthorizer } from "./authz/node.ts";
import { nodeRules } from "./authz/bootstrap-components.ts";
import { reviewRules } from "./authz/reviews.ts";
import { createRbac, type Rbac } from "./authz/rbac.ts";
import { issuerOf } from "./identity/discovery.ts";
import { loadTokenKeys, type TokenKeys } from "./identity/keys.ts";
import { createLookup } from "./identity/lookup.ts";
import { createTokenIssuer } from "./identity/tokens.ts";
import type { Impersonate } from "./http/pipeline.ts";
import type { IdentityServices, Authorize } from "./registry/registry.ts";
import type { Store } from "./store/store.ts";
import type { WatchCache } from "./watch/cache.ts";

export interface SecurityParts {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly pki: string;
  readonly clusterDomain: string;
  readonly now: () => Date;
  readonly legacyUsed?: ServiceAccountTokenParts["legacyUsed"];
}

/** Who asks and what they may do, put together. */
export interface Security {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly impersonate: Impersonate;
  readonly serviceAccounts: ServiceAccountTokens;
  readonly bootstrapTokens: BootstrapTokens;
  readonly identity: IdentityServices;
  readonly issuerUrl: string;
  readonly keys: TokenKeys;
  readonly rbac: Rbac;
}

export async function createSecurity({
  store,
  cache,
  pki,
  clusterDomain,
  now,
  legacyUsed,
}: SecurityParts): Promise<Security> {
  const lookup = createLookup(cache, store);
  const keys = await loadTokenKeys(
    readFileSync(join(pki, "sa.key"), "utf8"),
    readFileSync(join(pki, "sa.pub"), "utf8"),
  );
  const issuerUrl = issuerOf(clusterDomain);
  const serviceAccounts = createServiceAccountTokens({ keys, issuer: issuerUrl, lookup, now, legacyUsed });
  const bootstrapTokens = createBootstrapTokens(lookup, now);
  const rbac = createRbac(cache);
  const node = createNodeAuthorizer(createNodeGraph(cache), nodeRules);
  const authentication = { serviceAccounts, bootstrap: bootstrapTokens };
  const issuer = createTokenIssuer({ keys, issuer: issuerUrl, lookup, now });
  return {
    authenticate: createAuthenticate(authentication),
    authorize: createAuthorize({ rbac, node }),
    impersonate,
    serviceAccounts,
    bootstrapTokens,
    identity: {
      issueToken: (account, body) => issuer.request(account, body),
      reviewToken: (token, audiences) => verifyToken(authentication, token, audiences),
      reviewRules: (user, namespace) => reviewRules(rbac, user, namespace),
    },
    issuerUrl,
    keys,
    rbac,
  };
}
