import { Counter, Gauge, Histogram, register } from "prom-client";
import type { PathHandler } from "../discovery/non-resource.ts";
import { version } from "../discovery/version.ts";
import type { ApiRequest, RequestInfo } from "../request.ts";
import type { WatchCache } from "../watch/cache.ts";
import { isLongRunning } from "./deadline.ts";
import type { Observe } from "./pipeline.ts";

/** What the API server counts, under upstream's names. One per process. */
export interface ApiMetrics {
  readonly observe: Observe;
  /** GET /metrics. */
  readonly handler: PathHandler;
}

const request = [
  "verb",
  "dry_run",
  "group",
  "version",
  "resource",
  "subresource",
  "scope",
  "component",
] as const;

/** Registers the metrics of this process; `cache` is read when they are asked for. */
export function createApiMetrics(cache: WatchCache): ApiMetrics {
  const total = new Counter({
    name: "apiserver_request_total",
    help: "Requests by verb, resource and answer.",
    labelNames: [...request, "code"],
  });
  const duration = new Histogram({
    name: "apiserver_request_duration_seconds",
    help: "Time from a request to its answer; of streams, to its beginning.",
    labelNames: request,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  });
  const size = new Histogram({
    name: "apiserver_response_sizes",
    help: "Bytes of answers that are not streams.",
    labelNames: request,
    buckets: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8],
  });
  const inFlight = { readOnly: 0, mutating: 0 };
  new Gauge({
    name: "apiserver_current_inflight_requests",
    help: "Requests under way, but for watches and streams.",
    labelNames: ["request_kind"],
    collect() {
      for (const [kind, count] of Object.entries(inFlight)) this.set({ request_kind: kind }, count);
    },
  });
  cacheMetrics(cache);
  buildInfo();
  const arrived: Observe = (info, request) => {
    const kind = isLongRunning(info) ? undefined : writing.has(info.verb) ? "mutating" : "readOnly";
    if (kind) inFlight[kind]++;
    const started = performance.now();
    return (counted, response) => {
      if (kind) inFlight[kind]--;
      const labels = labelsOf(counted, request);
      total.inc({ ...labels, code: response.status });
      duration.observe(labels, (performance.now() - started) / 1000);
      const { body } = response;
      if (typeof body === "string" || body instanceof Uint8Array) size.observe(labels, body.length);
    };
  };
  return {
    observe: arrived,
    handler: async () => ({
      status: 200,
      headers: { "content-type": register.contentType },
      body: await register.metrics(),
    }),
  };
}

const writing = new Set(["create", "update", "patch", "delete", "deletecollection", "post", "put"]);

function cacheMetrics(cache: WatchCache): void {
  gaugeOf("apiserver_registered_watchers", "Watches that are open.", () => cache.stats().watchers);
  gaugeOf("apiserver_watch_cache_objects", "Objects in the watch cache.", () => cache.stats().objects);
  gaugeOf("apiserver_watch_cache_bytes", "Bytes of objects in the watch cache.", () => cache.stats().bytes);
  gaugeOf("apiserver_watch_cache_history_events", "Changes kept.", () => cache.stats().historyEvents);
  gaugeOf("apiserver_watch_cache_resource_version", "Newest revision applied.", () => cache.revision);
  new Gauge({
    name: "apiserver_storage_objects",
    help: "Stored objects by resource.",
    labelNames: ["resource"],
    collect() {
      this.reset();
      for (const [resource, count] of cache.stats().byResource) this.set({ resource }, count);
    },
  });
}

function buildInfo(): void {
  const { major, minor, gitVersion, platform, compiler } = version;
  const labels = { major, minor, git_version: gitVersion, platform, compiler };
  new Gauge({ name: "kubernetes_build_info", help: "This build.", labelNames: Object.keys(labels) }).set(
    labels,
    1,
  );
}

function gaugeOf(name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    collect() {
      this.set(read());
    },
  });
}

/** Of requests for no resource only the verb counts: a made-up path must not make a new series. */
function labelsOf(info: RequestInfo, { query }: ApiRequest): Record<(typeof request)[number], string> {
  const common = { verb: verbOf(info.verb), dry_run: query.get("dryRun") === "All" ? "All" : "", component };
  if (!info.isResource)
    return { ...common, group: "", version: "", resource: "", subresource: "", scope: "" };
  const { group, version: of, resource, subresource, namespace, name } = info;
  const scope = name ? "resource" : namespace ? "namespace" : "cluster";
  return { ...common, group, version: of, resource, subresource, scope };
}

const component = "apiserver";

const verbs = new Set([
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
  "post",
  "put",
]);
const verbOf = (verb: string): string => (verbs.has(verb) ? verb.toUpperCase() : "OTHER");
