import { denied } from "../authz/denied.ts";
import type { TokenRequest } from "@coracle/shared/api/generated/authentication-v1.ts";
import type { SubjectRulesReviewStatus } from "@coracle/shared/api/generated/authorization-v1.ts";
import type { ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import type { GroupResource } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { VerifiedToken } from "../authn/service-account-token.ts";
import type { ApiRequest, RequestInfo, UserInfo } from "../request.ts";
import type { ObjectKey, Store } from "../store/store.ts";
import type { CachedObject, WatchCache } from "../watch/cache.ts";
import type { Kind, WriteContext } from "./kind.ts";
import type { ResourceTable, ServedResource } from "./resources.ts";

export interface BodyKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What an admission plugin is shown; see admission/plugin.ts. */
export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly kind: Kind;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  object?: KubeObject;
  readonly oldObject?: KubeObject;
  /** The kind of `object` where it is not the resource's own: a Scale, an Eviction, the options of a connection. */
  readonly body?: BodyKind;
  /** The version in the path, which such an object does not tell. */
  readonly version?: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly options?: object;
  readonly warn: (message: string) => void;
}
export type Admit = (phase: "mutate" | "validate", request: AdmissionRequest) => Promise<void> | void;

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}
export type Authorize = (user: UserInfo, info: RequestInfo) => Decision;

/** What the API answers about identities; see identity/, authn/ and authz/. */
export interface IdentityServices {
  /** POST serviceaccounts/x/token. */
  issueToken(account: ServiceAccount, body: TokenRequest): Promise<TokenRequest>;
  /** @returns undefined for a token that is not good */
  reviewToken(token: string, audiences?: readonly string[]): Promise<VerifiedToken | undefined>;
  reviewRules(user: UserInfo, namespace: string): SubjectRulesReviewStatus;
}

/** Opens a session with a node's kubelet. @throws ApiError 503 when it does not answer */
export type OpenNodeStream = (
  node: string,
  verb: "logs" | "exec" | "attach" | "portforward" | "stats" | "proxy",
  message: object,
  signal: AbortSignal,
) => Promise<DuplexChannels>;

/** A part of the control plane, for ComponentStatus. */
export interface Component {
  readonly name: string;
  /** What is wrong, or nothing. */
  readonly check: () => Promise<string | undefined> | string | undefined;
}

/** Everything a verb needs besides the request. */
export interface Registry {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly resources: ResourceTable;
  readonly admit: Admit;
  readonly authorize: Authorize;
  readonly now: () => Date;
  /** Absent in tests that need no identities. */
  readonly identity?: IdentityServices | undefined;
  /** Absent where there are no nodes to talk to. */
  readonly openNode?: OpenNodeStream | undefined;
  readonly components?: readonly Component[] | undefined;
  /** Ends watches when the server stops. */
  readonly stopping: AbortSignal;
}

/** One resource request on its way through a verb. */
export interface Call {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly served: ServedResource;
  readonly warn: (message: string) => void;
  /** The path itself names an object (not only a field selector). */
  readonly pathHasName: boolean;
}

export const groupResource = (kind: Kind): GroupResource => ({ group: kind.group, resource: kind.plural });

export const keyFor = (kind: Kind, namespace: string, name: string): ObjectKey => ({
  resource: kind.storage,
  namespace: kind.namespaced ? namespace : "",
  name,
});

export interface WriteScope {
  readonly user: UserInfo;
  readonly namespace: string;
  readonly dryRun: boolean;
  readonly subresource: string;
  readonly warn: (message: string) => void;
  readonly verb: WriteContext["verb"];
}

/** The context that a kind's strategy sees. */
export const writeContext = (registry: Registry, kind: Kind, scope: WriteScope): WriteContext => ({
  ...scope,
  refusal(ask) {
    const { group, plural: resource, storageVersion: version } = kind;
    const info = { ...ask, isResource: true, path: "", group, version, resource };
    const { allowed, reason } = registry.authorize(scope.user, info);
    return allowed ? undefined : denied(scope.user, info, reason).message;
  },
  now: registry.now,
  lookup: (resource, namespace, name) => registry.cache.get({ resource, namespace, name }),
  all: (resource) => registry.cache.all(resource),
  store: registry.store,
});

/**
 * The newest state of one object: the cache's, after it has caught up with the store (a consistent read).
 */
export async function readConsistent(registry: Registry, key: ObjectKey): Promise<CachedObject | undefined> {
  await registry.cache.waitFor(await registry.store.revision());
  return registry.cache.get(key);
}
