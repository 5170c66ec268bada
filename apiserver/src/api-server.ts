import type { Logger } from "@coracle/shared/log.ts";
import { healthPaths, type HealthChecks } from "./discovery/health.ts";
import type { Audit } from "./audit/audit.ts";
import { createNonResource, type PathHandler } from "./discovery/non-resource.ts";
import { createOpenApiDocuments } from "./discovery/openapi.ts";
import { startFlowSchemaStatus } from "./flowcontrol/status.ts";
import { createClassify } from "./flowcontrol/classify.ts";
import { createFlowControl, type FlowControl } from "./flowcontrol/flow-control.ts";
import {
  createPipeline,
  type Authenticate,
  type Impersonate,
  type Observe,
  type Pipeline,
} from "./http/pipeline.ts";
import { startPolicyStatus } from "./admission/policies/status.ts";
import { createCallWebhook } from "./admission/webhooks/call.ts";
import { startAggregation, type AggregationParts } from "./aggregation/aggregation.ts";
import { createReach } from "./aggregation/reach.ts";
import { createConvert } from "./apiextensions/conversion.ts";
import { startCustomResources } from "./apiextensions/custom-resources.ts";
import { kinds as builtIn } from "./kinds/index.ts";
import type { Kind } from "./registry/kind.ts";
import type { Admit, Authorize, Registry } from "./registry/registry.ts";
import { virtualKinds } from "./registry/virtual/index.ts";
import { createResourceTable } from "./registry/resources.ts";
import { unauthorized } from "@coracle/shared/errors.ts";
import type { Descriptions } from "./schema/openapi/definitions.ts";
import { createWatchCache, type WatchCache } from "./watch/cache.ts";
import type { Store } from "./store/store.ts";

export interface ApiServerOptions {
  readonly store: Store;
  readonly kinds?: readonly Kind[] | undefined;
  readonly cache?: WatchCache | undefined;
  readonly authenticate?: Authenticate | undefined;
  readonly authorize?: Authorize | undefined;
  readonly impersonate?: Impersonate | undefined;
  readonly admit?: Admit | undefined;
  readonly identity?: Registry["identity"];
  readonly openNode?: Registry["openNode"];
  readonly components?: Registry["components"];
  readonly health?: HealthChecks | undefined;
  readonly aggregation?: Partial<Pick<AggregationParts, "registerLocal" | "frontProxy">> | undefined;
  /** Further non-resource paths. */
  readonly paths?: ((registry: Registry) => ReadonlyMap<string, PathHandler>) | undefined;
  /** Texts for `kubectl explain`. */
  readonly descriptions?: (() => Descriptions) | undefined;
  /** `host:port` at which clients reach this server. */
  readonly serverAddress?: string | undefined;
  readonly observe?: Observe | undefined;
  readonly audit?: Audit | undefined;
  readonly log?: Logger | undefined;
  readonly now?: (() => Date) | undefined;
}

/** `handle` is the one way in, for every transport. */
export interface ApiServer extends Pipeline {
  readonly registry: Registry;
  readonly flowControl: FlowControl;
}

/** An API server without transports; `signal` stops it. Resolves when its cache is filled. */
export async function createApiServer(options: ApiServerOptions, signal: AbortSignal): Promise<ApiServer> {
  const cache = options.cache ?? createWatchCache(options.store, options.log ? { log: options.log } : {});
  if (!options.cache) await cache.start(signal);
  const registry: Registry = {
    store: options.store,
    cache,
    resources: createResourceTable(withVirtual(options.kinds ?? builtIn)),
    admit: options.admit ?? (() => undefined),
    authorize: options.authorize ?? (() => ({ allowed: true, reason: "" })),
    now: options.now ?? (() => new Date()),
    identity: options.identity,
    openNode: options.openNode,
    components: options.components,
    stopping: signal,
  };
  const reach = createReach(registry);
  const convert = createConvert(createCallWebhook(reach), signal);
  startCustomResources({ registry, convert, log: options.log, signal });
  startPolicyStatus(registry, options.log, signal);
  startFlowSchemaStatus(registry, options.log, signal);
  const { registerLocal = false, frontProxy } = options.aggregation ?? {};
  const aggregate = startAggregation({
    registry,
    reach,
    registerLocal,
    frontProxy,
    log: options.log,
    signal,
  });
  const flowControl = createFlowControl(cache);
  const pipeline = createPipeline({
    registry,
    aggregate,
    authenticate: options.authenticate ?? connectionUser,
    nonResource: createNonResource({
      registry,
      openApi: createOpenApiDocuments(registry.resources, options.descriptions),
      serverAddress: options.serverAddress,
      paths: new Map([
        ...healthPaths(options.health ?? { live: [], ready: [] }),
        ...(options.paths?.(registry) ?? []),
      ]),
    }),
    flowControl,
    classify: createClassify(cache),
    impersonate: options.impersonate,
    observe: options.observe,
    audit: options.audit,
    log: options.log,
  });
  return { ...pipeline, registry, flowControl };
}

/** Kinds that are not stored are served beside the given ones. */
function withVirtual(kinds: readonly Kind[]): readonly Kind[] {
  const storages = new Set(kinds.map((kind) => kind.storage));
  return [...kinds, ...virtualKinds.filter((kind) => !storages.has(kind.storage))];
}

/** Trusts the transport; for callers inside the process. */
const connectionUser: Authenticate = (request) => {
  if (!request.connectionUser) throw unauthorized();
  return request.connectionUser;
};
