import { Counter, Gauge, Histogram, register } from "prom-client";
import type { PathHandler } from "../discovery/non-resource.ts";
import type { ApiResponse, RequestInfo } from "../request.ts";
import type { WatchCache } from "../watch/cache.ts";

/** What the API server counts, under upstream's names. One per process. */
export interface ApiMetrics {
  observe(info: RequestInfo, response: ApiResponse, milliseconds: number): void;
  /** GET /metrics. */
  readonly handler: PathHandler;
}

const request = ["verb", "group", "version", "resource", "subresource", "scope"] as const;

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
  gaugeOf("apiserver_registered_watchers", "Watches that are open.", () => cache.stats().watchers);
  gaugeOf("apiserver_watch_cache_objects", "Objects in the watch cache.", () => cache.stats().objects);
  gaugeOf("apiserver_watch_cache_bytes", "Bytes of objects in the watch cache.", () => cache.stats().bytes);
  gaugeOf("apiserver_watch_cache_history_events", "Changes kept.", () => cache.stats().historyEvents);
  gaugeOf("apiserver_watch_cache_resource_version", "Newest revision applied.", () => cache.revision);

  return {
    observe(info, response, milliseconds) {
      const labels = labelsOf(info);
      total.inc({ ...labels, code: response.status });
      duration.observe(labels, milliseconds / 1000);
      const { body } = response;
      if (typeof body === "string" || body instanceof Uint8Array) size.observe(labels, body.length);
    },
    handler: async () => ({
      status: 200,
      headers: { "content-type": register.contentType },
      body: await register.metrics(),
    }),
  };
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
function labelsOf(info: RequestInfo): Record<(typeof request)[number], string> {
  if (!info.isResource) {
    return { verb: verbOf(info.verb), group: "", version: "", resource: "", subresource: "", scope: "" };
  }
  const { verb, group, version, resource, subresource, namespace, name } = info;
  const scope = name ? "resource" : namespace ? "namespace" : "cluster";
  return { verb: verbOf(verb), group, version, resource, subresource, scope };
}

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
