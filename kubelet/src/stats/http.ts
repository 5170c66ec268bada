/** The kubelet's own HTTP paths beside health and metrics: what `nodes/proxy` and a scraper ask for. */
import { availableParallelism } from "node:os";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { HttpHandler } from "@coracle/shared/process.ts";
import { Gauge, register } from "prom-client";
import { LABEL, podUid } from "../container/names.ts";
import type { RuntimeContainer } from "../runtime/runtime.ts";
import { addVolumeMetrics } from "./claims.ts";
import { containerMetrics, resourceMetrics } from "./prometheus.ts";
import type { Stats } from "./stats.ts";
import type { PodDisk } from "./summary.ts";

export interface KubeletHttpOptions {
  readonly stats: Stats;
  readonly pods: () => Iterable<Pod>;
  readonly containers: () => Iterable<RuntimeContainer>;
  /** The configuration in use, as fields of a KubeletConfiguration. */
  readonly configuration: () => object;
  /** What pods there are, and what is in their specs, is not for everybody who can reach the server. */
  readonly isAllowed: (socket: Socket) => boolean;
  /** How the probes went, as text of Prometheus. */
  readonly probes: () => Promise<string>;
}

interface Answer {
  readonly type: string;
  readonly text: string;
}

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const DISK_AGE_MS = 60_000;
const json = (body: object): Answer => ({ type: "application/json", text: JSON.stringify(body) });

/** Answers GET of /stats/summary, /pods, /runningpods, /configz, /metrics/resource, /metrics/probes and /metrics/cadvisor; all else is left to others. */
export function createKubeletHttp(options: KubeletHttpOptions): HttpHandler {
  const { stats } = options;
  const paths: Readonly<Record<string, () => Promise<Answer>>> = {
    "/stats/summary": async () => json(await stats.summary()),
    "/runningpods": async () => json(runningPods(options.containers())),
    "/pods": async () => json(podList(options.pods())),
    "/configz": async () => json({ kubeletconfig: options.configuration() }),
    "/metrics/resource": async () => ({ type: TEXT, text: resourceMetrics(await stats.reading()) }),
    "/metrics/probes": async () => ({ type: TEXT, text: await options.probes() }),
    "/metrics/cadvisor": async () => ({ type: TEXT, text: await cadvisor(options) }),
  };
  addKubeletMetrics(options);
  addVolumeMetrics(async () => {
    const all = await Promise.all([...options.pods()].map((pod) => stats.claims(pod)));
    return all.flat();
  });
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const answer = paths[path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path];
    if (!answer) return false;
    if (!options.isAllowed(request.socket)) {
      response.writeHead(403).end("Forbidden");
      return true;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end("method not allowed");
      return true;
    }
    answer().then(
      ({ type, text }) =>
        response
          .writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(text) })
          .end(request.method === "HEAD" ? undefined : text),
      (error: unknown) => response.writeHead(500, { "content-type": "text/plain" }).end(String(error)),
    );
    return true;
  };
}

const podList = (pods: Iterable<Pod>): object => ({
  kind: "PodList",
  apiVersion: "v1",
  metadata: {},
  items: [...pods],
});

/** What the engine runs, whatever the API says of it: names and images only. */
function runningPods(containers: Iterable<RuntimeContainer>): object {
  const running = [...containers].filter((c) => c.state === "running" && c.labels[LABEL.type] !== "sandbox");
  const byPod = Map.groupBy(running, ({ labels }) => labels[LABEL.podUid] ?? "");
  return podList(
    [...byPod].map(([uid, [first, ...rest]]): Pod => ({
      metadata: {
        name: first?.labels[LABEL.podName],
        namespace: first?.labels[LABEL.podNamespace],
        uid,
      },
      spec: {
        containers: (first ? [first, ...rest] : []).map(({ labels, image }) => ({
          name: labels[LABEL.container] ?? "",
          image,
        })),
      },
      status: {},
    })),
  );
}

async function cadvisor({ stats, pods }: KubeletHttpOptions): Promise<string> {
  const disks = new Map<string, PodDisk>();
  for (const pod of pods()) disks.set(podUid(pod), await stats.disk(pod, DISK_AGE_MS));
  return containerMetrics(await stats.reading(), {
    cores: availableParallelism(),
    disk: (uid) => disks.get(uid),
  });
}

/** Read when scraped. */
function addKubeletMetrics({ containers }: KubeletHttpOptions): void {
  const count = (
    name: string,
    help: string,
    read: (set: (state: string, n: number) => void) => void,
  ): void => {
    if (register.getSingleMetric(name)) return;
    new Gauge({
      name,
      help,
      labelNames: ["container_state"],
      collect() {
        this.reset();
        read((state, n) => (state ? this.set({ container_state: state }, n) : this.set(n)));
      },
    });
  };
  const isSandbox = (c: RuntimeContainer): boolean => c.labels[LABEL.type] === "sandbox";
  count("kubelet_running_pods", "Pods whose sandbox runs.", (set) =>
    set("", [...containers()].filter((c) => isSandbox(c) && c.state === "running").length),
  );
  count("kubelet_running_containers", "Containers by state.", (set) => {
    const apps = [...containers()].filter((c) => !isSandbox(c));
    for (const state of ["created", "running", "exited"] as const)
      set(state, apps.filter((c) => c.state === state).length);
  });
}
