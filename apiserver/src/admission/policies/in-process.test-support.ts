import { createReach } from "../../aggregation/reach.ts";
import { createAuthorize } from "../../authz/authorize.ts";
import { createNodeAuthorizer } from "../../authz/node.ts";
import { createNodeGraph } from "../../authz/node-graph.ts";
import { createRbac } from "../../authz/rbac.ts";
import type { ApiServerOptions } from "../../api-server.ts";
import type { OpenNodeStream } from "../../registry/registry.ts";
import { createMemoryStore } from "../../store/memory.ts";
import { startInProcess, type InProcessApi } from "../../testing/in-process.ts";
import { raw } from "../../testing/raw.ts";
import { createWatchCache } from "../../watch/cache.ts";
import { createAdmit } from "../index.ts";
import type { AdmissionPlugin } from "../plugin.ts";
import { createCallWebhook } from "../webhooks/call.ts";
import { createDynamicAdmission } from "./dynamic.ts";

export interface DynamicOptions {
  readonly openNode?: OpenNodeStream;
  /** Plugins before the dynamic ones. */
  readonly plugins?: readonly AdmissionPlugin[];
  readonly server?: Partial<ApiServerOptions>;
}

/** An API server whose writes go through webhooks and policies; a namespace `default` is there. */
export async function startWithDynamicAdmission(
  options: DynamicOptions = {},
): Promise<InProcessApi & AsyncDisposable> {
  const store = createMemoryStore();
  const cache = createWatchCache(store);
  const stop = new AbortController();
  await cache.start(stop.signal);
  const rbac = createRbac(cache);
  const authorize = createAuthorize({ rbac, node: createNodeAuthorizer(createNodeGraph(cache), []) });
  const { openNode } = options;
  let server: InProcessApi | undefined;
  const resources = (): InProcessApi["registry"]["resources"] => {
    if (!server) throw new Error("the server has not started");
    return server.registry.resources;
  };
  const parts = { call: createCallWebhook(createReach({ cache, openNode })), resources, signal: stop.signal };
  const plugins = [...(options.plugins ?? []), ...createDynamicAdmission(parts)];
  const admit = createAdmit({ store, cache, rbac, authorize, now: () => new Date() }, plugins);
  const started = await startInProcess({ store, cache, admit, openNode, ...options.server });
  server = started;
  await raw(server, "POST", "/api/v1/namespaces", { body: { metadata: { name: "default" } } });
  const dispose = async (): Promise<void> => {
    stop.abort();
    await started.stop();
  };
  return { ...started, stop: dispose, [Symbol.asyncDispose]: dispose };
}
