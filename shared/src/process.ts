import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Counter, Gauge, register } from "prom-client";
import { createLogger, type Logger } from "./log.ts";

/** A check says what is missing, or nothing when all is well. */
export type HealthCheck = () => string | undefined;

export interface Health {
  /** Part of /healthz and /readyz. Until the first check is added the process counts as starting. */
  add(name: string, check: HealthCheck): void;
}

/** Answers a request of the health server, or leaves it (false) to the next and to the paths that every process has. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface ProcessContext {
  readonly log: Logger;
  /** Aborts on SIGTERM and SIGINT: finish what is under way and return. */
  readonly signal: AbortSignal;
  readonly health: Health;
  /** Adds paths of this process's own to the health server. */
  readonly serve: (handler: HttpHandler) => void;
}

export interface ProcessOptions {
  /** By default CORACLE_HEALTH_PORT; without one no health server runs. */
  readonly healthPort?: number | undefined;
  readonly healthHost?: string | undefined;
  /** How long a stop may take before the process ends anyway. */
  readonly graceMs?: number | undefined;
}

/** Runs a process from start to exit: signals, health and metrics, exit codes. Nothing else in the process calls exit. */
export function runProcess(
  name: string,
  main: (context: ProcessContext) => Promise<void>,
  options: ProcessOptions = {},
): void {
  const log = createLogger(name);
  const stop = new AbortController();
  const die = (error: unknown, message: string): void => {
    log.fatal({ err: error }, message);
    process.exit(1);
  };
  process.on("unhandledRejection", (error) => die(error, "unhandled rejection"));
  process.on("uncaughtException", (error) => die(error, "uncaught exception"));
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      if (stop.signal.aborted) return;
      log.info({ signal }, "stopping");
      stop.abort();
      setTimeout(
        () => die(undefined, "did not stop within the grace period"),
        options.graceMs ?? 4_500,
      ).unref();
    });

  const run = async (): Promise<void> => {
    const handlers: HttpHandler[] = [];
    const { health, server } = await serveHealth(options, handlers);
    try {
      await main({
        log,
        signal: stop.signal,
        health,
        serve: (handler) => void handlers.push(handler),
      });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      log.debug({ err: error }, "stopped while waiting");
    }
    server?.close();
  };
  run().then(
    () => {
      log.info("stopped");
      process.exit(0);
    },
    (error: unknown) => die(error, "cannot go on"),
  );
}

/** Plain HTTP with /healthz, /readyz, /livez and /metrics. */
async function serveHealth(
  options: ProcessOptions,
  handlers: readonly HttpHandler[],
): Promise<{ health: Health; server?: Server }> {
  const checks = new Map<string, HealthCheck>();
  const health: Health = { add: (name, check) => void checks.set(name, check) };
  const configured = options.healthPort ?? Number(process.env["CORACLE_HEALTH_PORT"] || NaN);
  if (Number.isNaN(configured)) return { health };
  addProcessMetrics();
  const missing = (): string =>
    checks.size === 0
      ? "starting"
      : [...checks]
          .flatMap(([name, check]) => {
            const text = check();
            return text ? [`${name}: ${text}`] : [];
          })
          .join("\n");
  const server = createServer((request, response) => {
    if (handlers.some((handler) => handler(request, response))) return;
    const path = (request.url ?? "/").split("?", 1)[0];
    if (path === "/metrics") {
      register.metrics().then(
        (text) => response.setHeader("content-type", register.contentType).end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
      return;
    }
    if (path !== "/healthz" && path !== "/readyz" && path !== "/livez") {
      response.writeHead(404).end("not found");
      return;
    }
    const text = path === "/livez" ? "" : missing();
    response.writeHead(text ? 503 : 200, { "content-type": "text/plain" }).end(text || "ok");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(configured, options.healthHost ?? "127.0.0.1", resolve);
  });
  return { health, server };
}

/** Read when scraped: prom-client's own default metrics wake the process a hundred times a second. */
function addProcessMetrics(): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      collect() {
        this.set(read());
      },
    });
  };
  new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent.",
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge("process_resident_memory_bytes", "Resident memory size.", () => process.memoryUsage.rss());
  gauge("nodejs_heap_size_used_bytes", "Used heap.", () => process.memoryUsage().heapUsed);
  gauge("process_start_time_seconds", "Start time since the epoch.", () => performance.timeOrigin / 1000);
}
