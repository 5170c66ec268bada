import { setTimeout as sleep } from "node:timers/promises";
import { createAuthorize } from "@coracle/apiserver/authz/authorize.ts";
import { nodeRules } from "@coracle/apiserver/authz/bootstrap-components.ts";
import { createNodeGraph } from "@coracle/apiserver/authz/node-graph.ts";
import { createNodeAuthorizer } from "@coracle/apiserver/authz/node.ts";
import { createRbac } from "@coracle/apiserver/authz/rbac.ts";
import { ensureRoles } from "@coracle/apiserver/registry/bootstrap/roles.ts";
import type { UserInfo } from "@coracle/apiserver/request.ts";
import { createMemoryStore } from "@coracle/apiserver/store/memory.ts";
import { createAdmit } from "@coracle/apiserver/admission/index.ts";
import { namespaceLifecycle } from "@coracle/apiserver/admission/namespace-lifecycle.ts";
import { requestOf, startInProcess, type InProcessApi } from "@coracle/apiserver/testing/in-process.ts";
import { createWatchCache } from "@coracle/apiserver/watch/cache.ts";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { namespaces, pods, type Resource } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { HttpsClient } from "@coracle/shared/client/https.ts";
import type { Controller, ControllerContext } from "@coracle/shared/controller/controller.ts";
import { isForbidden, isNotFound } from "@coracle/shared/errors.ts";
import { createWatchInformerFactory } from "@coracle/shared/informer/watch.ts";
import { createLogger } from "@coracle/shared/log.ts";
import type { Loop } from "../loop.ts";
import { runAll } from "../manager.ts";
import { timestamp } from "../conditions.ts";

/** Controllers on a real API server in this process, as the user and with the roles they have in a cluster. Watches can be made to lag. */
export interface Harness extends AsyncDisposable {
  readonly client: Client;
  readonly api: InProcessApi;
  readonly ctx: ControllerContext;
  /** What was recorded, oldest first: `Reason message`. */
  readonly events: readonly string[];
  /** The controllers' writes so far, as `verb resource`. */
  readonly writes: readonly string[];
  list<T>(resource: Resource<T>, labelSelector?: string): Promise<T[]>;
  /** Waits until `check` returns something other than undefined and false. */
  eventually<T>(what: string, check: () => Promise<T | undefined | false>, timeoutMs?: number): Promise<T>;
}

export interface HarnessOptions {
  readonly controllers: readonly Controller[];
  readonly loops?: readonly Loop[];
  /** Delay of each watch event, so that caches are stale. */
  readonly lagMs?: () => number;
  /** Pods become Running and Ready by themselves, and end when deleted: a node with no containers. */
  readonly kubelet?: boolean;
}

export const NAMESPACE = "default";
const MANAGER: UserInfo = { username: "system:kube-controller-manager", groups: ["system:authenticated"] };

/** An API server with RBAC in force, and the default roles. */
async function startApi(signal: AbortSignal): Promise<InProcessApi> {
  const store = createMemoryStore();
  const cache = createWatchCache(store);
  await cache.start(signal);
  const node = createNodeAuthorizer(createNodeGraph(cache), nodeRules);
  const rbac = createRbac(cache);
  const authorize = createAuthorize({ rbac, node });
  // Without it a controller that is behind may make content in a namespace that is already empty and going.
  const admit = createAdmit({ store, cache, authorize, rbac, now: () => new Date() }, [namespaceLifecycle]);
  const api = await startInProcess({ store, cache, authorize, admit });
  for (const name of [NAMESPACE, "kube-system", "kube-public"])
    await api.client.create(namespaces, { metadata: { name } });
  await ensureRoles(api.registry);
  return api;
}

/** Notes the controllers' writes, and what they were not allowed to do. A test that ends with any of the latter fails. */
function observe(client: Client, writes: string[], forbidden: string[]): Client {
  const note = (error: unknown): never => {
    if (isForbidden(error) && !error.message.includes("because it is being terminated"))
      forbidden.push(error.message);
    throw error;
  };
  const wrap =
    (name: string, call: (...args: unknown[]) => Promise<unknown>) =>
    (...args: unknown[]): Promise<unknown> => {
      const on = args[0] as Resource<unknown> | string;
      if (name !== "get" && name !== "list" && on !== "GET")
        writes.push(`${name} ${typeof on === "string" ? String(args[1]) : on.plural}`);
      return call(...args).catch(note);
    };
  return Object.fromEntries(
    Object.entries(client).map(([name, call]) => [
      name,
      wrap(name, call as (...args: unknown[]) => Promise<unknown>),
    ]),
  ) as unknown as Client;
}

export async function startHarness(options: HarnessOptions): Promise<Harness> {
  const stop = new AbortController();
  const api = await startApi(stop.signal);
  const forbidden: string[] = [];
  const writes: string[] = [];
  const client = observe(api.clientFor(MANAGER), writes, forbidden);
  const log = createLogger("test");
  log.level = process.env["CORACLE_LOG_LEVEL"] ?? "silent";
  const informers = createWatchInformerFactory({ client: streaming(api, options.lagMs), log });
  const recorded: string[] = [];
  const ctx: ControllerContext = {
    client,
    informers,
    events: {
      record: (_object, _type, reason, message) => void recorded.push(`${reason} ${message}`),
      flush: () => Promise.resolve(),
    },
    log,
    clock: { now: Date.now },
    signal: stop.signal,
  };
  const running = runAll(options.controllers, options.loops ?? [], ctx, { sharedEvents: true });
  const failed = running.catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  if (options.kubelet) followPods({ ...ctx, client: api.client });
  return {
    client: api.client,
    api,
    ctx,
    events: recorded,
    writes,
    list: async (resource, labelSelector) => (await api.client.list(resource, { labelSelector })).items,
    eventually: (what, check, timeoutMs = 10_000) => eventually(what, check, timeoutMs),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await failed;
      await api.stop();
      if (forbidden.length > 0) throw new Error(`the controllers were refused: ${forbidden.join("; ")}`);
    },
  };
}

async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  timeoutMs: number,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`never happened: ${what}`, { cause: last });
    await sleep(15);
  }
}

function streaming(api: InProcessApi, lagMs: (() => number) | undefined): HttpsClient {
  const text = (body: Uint8Array | string): string =>
    typeof body === "string" ? body : Buffer.from(body).toString();
  const stream: HttpsClient["transport"]["stream"] = async ({ path, headers, signal }) => {
    const response = await api.handle(
      requestOf({ method: "GET", path, headers: headers ?? {}, ...(signal ? { signal } : {}) }, MANAGER),
    );
    const { body } = response;
    const whole = typeof body === "string" || body instanceof Uint8Array;
    return {
      status: response.status,
      headers: response.headers,
      text: () => Promise.resolve(whole ? text(body) : ""),
      lines: whole ? linesOf([text(body)], undefined) : linesOf(body, lagMs),
    } as Awaited<ReturnType<HttpsClient["transport"]["stream"]>>;
  };
  return {
    ...api.client,
    transport: { stream } as HttpsClient["transport"],
    close: () => undefined,
  };
}

async function* linesOf(
  chunks: Iterable<string> | AsyncIterable<Uint8Array | string>,
  lagMs: (() => number) | undefined,
): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString())).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      if (line === "") continue;
      if (lagMs) await sleep(lagMs());
      yield line;
    }
  }
}

/** Stands in for scheduler and kubelet: every pod gets a node, an address and readiness; a deleted one goes at once. */
function followPods(ctx: ControllerContext): void {
  let address = 1;
  const quietly = (work: Promise<unknown>): void =>
    void work.catch((error: unknown) => {
      if (!isNotFound(error) && !ctx.signal.aborted) ctx.log.debug({ err: error }, "fake kubelet");
    });
  const run = async (pod: Pod): Promise<void> => {
    const { name = "", namespace } = pod.metadata;
    const now = timestamp(Date.now());
    const ip = `10.244.0.${address++}`;
    await ctx.client.patch(
      pods,
      { name, namespace },
      {
        type: "merge",
        body: {
          status: {
            phase: "Running",
            podIP: ip,
            podIPs: [{ ip }],
            startTime: now,
            conditions: [{ type: "Ready", status: "True", lastTransitionTime: now }],
          },
        },
      },
      { subresource: "status" },
    );
  };
  const see = (pod: Pod): void => {
    const { name = "", namespace } = pod.metadata;
    if (pod.metadata.deletionTimestamp)
      quietly(ctx.client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0 }));
    else if (!pod.status?.podIP) quietly(run(pod));
  };
  ctx.informers.for(pods).on({ add: see, update: see });
}
