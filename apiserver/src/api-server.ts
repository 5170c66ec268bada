import type { Logger } from "@coracle/shared/log.ts";
import { createNonResource } from "./discovery/non-resource.ts";
import { createPipeline, type Authenticate } from "./http/pipeline.ts";
import { kinds as builtIn } from "./kinds/index.ts";
import type { Kind } from "./registry/kind.ts";
import type { Admit, Authorize, Registry } from "./registry/registry.ts";
import { createResourceTable } from "./registry/resources.ts";
import { unauthorized } from "@coracle/shared/errors.ts";
import type { Handle } from "./request.ts";
import { createWatchCache, type WatchCache } from "./watch/cache.ts";
import type { Store } from "./store/store.ts";

export interface ApiServerOptions {
  readonly store: Store;
  readonly kinds?: readonly Kind[] | undefined;
  readonly cache?: WatchCache | undefined;
  readonly authenticate?: Authenticate | undefined;
  readonly authorize?: Authorize | undefined;
  readonly admit?: Admit | undefined;
  readonly log?: Logger | undefined;
  readonly now?: (() => Date) | undefined;
}

export interface ApiServer {
  /** The one way in, for every transport. */
  readonly handle: Handle;
  readonly registry: Registry;
}

/** An API server without transports; `signal` stops it. Resolves when its cache is filled. */
export async function createApiServer(options: ApiServerOptions, signal: AbortSignal): Promise<ApiServer> {
  const cache = options.cache ?? createWatchCache(options.store, options.log ? { log: options.log } : {});
  if (!options.cache) await cache.start(signal);
  const registry: Registry = {
    store: options.store,
    cache,
    resources: createResourceTable(options.kinds ?? builtIn),
    admit: options.admit ?? (() => undefined),
    authorize: options.authorize ?? (() => ({ allowed: true, reason: "" })),
    now: options.now ?? (() => new Date()),
    stopping: signal,
  };
  const handle = createPipeline({
    registry,
    authenticate: options.authenticate ?? connectionUser,
    nonResource: createNonResource(registry),
    log: options.log,
  });
  return { handle, registry };
}

/** Trusts the transport; for callers inside the process. */
const connectionUser: Authenticate = (request) => {
  if (!request.connectionUser) throw unauthorized();
  return request.connectionUser;
};
