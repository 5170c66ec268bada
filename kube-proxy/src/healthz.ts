import { createServer, type Server, type ServerResponse } from "node:http";
import type { Node } from "@coracle/shared/api/generated/core-v1.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { HttpHandler } from "@coracle/shared/process.ts";

/** Where the proxy tells of itself, as upstream's: only the node asks there. */
const metricsPort = 10249;
const mode = "nftables";
/** A node that the autoscaler is about to remove gets no new traffic from load balancers. */
const leaving = "ToBeDeletedByClusterAutoscaler";

export interface ProxyState {
  /** When the rules were last what they should be; undefined before the first time. */
  readonly lastUpdated: () => number | undefined;
  readonly node: () => Node | undefined;
  readonly now: () => number;
}

/** Whether load balancers may send new traffic to this node. Pure. */
export const isEligible = (node: Node | undefined): boolean =>
  node?.metadata.deletionTimestamp === undefined && !node?.spec?.taints?.some((t) => t.key === leaving);

/** `/healthz` in the form that load balancers and upstream's tools read. A node on its way out is not healthy. */
export const serveHealthz =
  ({ lastUpdated, node, now }: ProxyState): HttpHandler =>
  (request, response) => {
    if (request.url?.split("?", 1)[0] !== "/healthz") return false;
    const updated = lastUpdated();
    const eligible = isEligible(node());
    const body = {
      lastUpdated: new Date(updated ?? 0).toISOString(),
      currentTime: new Date(now()).toISOString(),
      nodeEligible: eligible,
    };
    json(response, updated !== undefined && eligible ? 200 : 503, body);
    return true;
  };

function json(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { "content-type": "application/json", "x-content-type-options": "nosniff" })
    .end(JSON.stringify(body));
}

/** Serves the proxy's mode on the node's loopback. */
export function serveMode(log: Logger, port = metricsPort): Server {
  const server = createServer((request, response) => {
    const known: Readonly<Record<string, string>> = { "/proxyMode": mode, "/healthz": "ok" };
    const text = known[request.url?.split("?", 1)[0] ?? ""];
    response.writeHead(text === undefined ? 404 : 200, { "content-type": "text/plain; charset=utf-8" });
    response.end(text ?? "404 page not found\n");
  });
  server.on("error", (error) => log.warn({ port, err: error }, "the proxy's mode is not served"));
  return server.listen(port, "127.0.0.1");
}
