import { createServer, type Server } from "node:http";
import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";

/** `spec.healthCheckNodePort` of Services with externalTrafficPolicy Local: a load balancer asks here whether this node has endpoints. */
export interface HealthChecks {
  /** Starts, keeps or stops the server of one Service. `localEndpoints` counts the ready ones on this node. */
  set(key: string, service: Service | undefined, localEndpoints: number): void;
  close(): void;
}

export function createHealthChecks(log: Logger): HealthChecks {
  const servers = new Map<string, { port: number; server: Server; endpoints: number }>();
  const stop = (key: string): void => {
    servers.get(key)?.server.close();
    servers.delete(key);
  };
  return {
    set(key, service, localEndpoints) {
      const port =
        service?.spec?.externalTrafficPolicy === "Local" ? (service.spec.healthCheckNodePort ?? 0) : 0;
      const running = servers.get(key);
      if (running && running.port !== port) stop(key);
      if (port === 0) return;
      if (running?.port === port) {
        running.endpoints = localEndpoints;
        return;
      }
      const [namespace, name] = key.split("/");
      const entry = { port, endpoints: localEndpoints, server: createServer() };
      entry.server.on("request", (_, response) => {
        response.writeHead(entry.endpoints > 0 ? 200 : 503, {
          "content-type": "application/json",
          "x-content-type-options": "nosniff",
          "x-load-balancing-endpoint-weight": String(entry.endpoints),
        });
        response.end(
          JSON.stringify({
            service: { namespace, name },
            localEndpoints: entry.endpoints,
            serviceProxyHealthy: true,
          }),
        );
      });
      entry.server.on("error", (error) =>
        log.warn({ service: key, port, err: error }, "health check port not served"),
      );
      entry.server.listen(port);
      servers.set(key, entry);
    },
    close() {
      for (const key of servers.keys()) stop(key);
    },
  };
}
