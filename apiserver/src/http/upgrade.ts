import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import { denied } from "../authz/denied.ts";
import { readNamed } from "../registry/get.ts";
import type { Call, Registry } from "../registry/registry.ts";
import { admitConnect } from "../registry/subresources/connect.ts";
import { subresourceOf } from "../registry/subresources/index.ts";
import { route } from "../registry/route.ts";
import { forwardUpgrade } from "../registry/subresources/proxy/forward.ts";
import { openProxy } from "../registry/subresources/proxy/proxy.ts";
import { serveCommand, servePortForward } from "../streams/serve.ts";
import { refuseUpgrade, wantsSpdy, wantsWebSocket, type UpgradeRequest } from "../streams/upgrade.ts";
import { readOverWebSocket, watchOverWebSocket } from "../streams/websocket-reading.ts";
import type { ApiResponse } from "../request.ts";
import { apiRequest } from "./incoming.ts";
import { join } from "./join.ts";
import { cutWhenOverdue, send } from "./outgoing.ts";
import type { Pipeline } from "./pipeline.ts";
import { parseRequestInfo } from "./request-info.ts";

export interface UpgradeParts extends Pick<Pipeline, "enter"> {
  readonly registry: Registry;
}

const streams = new Set(["exec", "attach", "portforward"]);

/**
 * Whether an offer to leave HTTP is heard; all others are answered as if they had not been made. Of what is no stream only logs
 * and watches are: a request that changes something would lose its body, which is taken for the stream, and its turn in the queue.
 */
export function leavesHttp(incoming: IncomingMessage): boolean {
  const { method = "GET", url = "/" } = incoming;
  const [path = "/", query] = url.split("?", 2);
  const { isResource, subresource, verb } = parseRequestInfo(method, path, new URLSearchParams(query));
  if (!isResource || subresource === "proxy") return isResource;
  const isWebSocket = wantsWebSocket({ incoming });
  if (streams.has(subresource)) return isWebSocket || wantsSpdy({ incoming });
  return isWebSocket && (verb === "watch" || (verb === "get" && subresource === "log"));
}

/** Serves connections that leave HTTP, after the same chain as any request: streams, proxies, and WebSockets that only read. */
export function createUpgrade(parts: UpgradeParts) {
  return (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    serve(parts, { incoming, socket, head }).catch((error: unknown) => refuseUpgrade(socket, error));
  };
}

async function serve(parts: UpgradeParts, upgrade: UpgradeRequest): Promise<void> {
  const { incoming, socket } = upgrade;
  const abort = new AbortController();
  socket.once("close", () => abort.abort());
  // The body of an upgrade request is the stream that follows.
  const request = await apiRequest(
    Object.assign(incoming, { headers: { ...incoming.headers } }),
    abort.signal,
  );
  await parts.enter(request, (call, started) => serveCall(parts.registry, call, { upgrade, started }));
}

interface Upgrading {
  readonly upgrade: UpgradeRequest;
  readonly started: () => void;
}

const switched = 101;

async function serveCall(registry: Registry, call: Call, upgrading: Upgrading): Promise<number> {
  const { info, served } = call;
  const { upgrade, started } = upgrading;
  const verb = info.subresource;
  // A kind that has no such subresource ends here, and so does a method that it does not take.
  const handler = route(call);
  if (verb === "proxy") return joinProxied(registry, call, upgrading);
  if (served.kind.storage === "pods" && (verb === "exec" || verb === "attach" || verb === "portforward")) {
    await serveStream(registry, call, { verb, ...upgrading });
    return switched;
  }
  const response = await handler(registry, call);
  const reads = verb === "log" ? readOverWebSocket : info.verb === "watch" ? watchOverWebSocket : undefined;
  // A server is free not to take up an offer to upgrade.
  if (response.status !== 200 || !reads) return answer(upgrade, response);
  started();
  const stop = cutWhenOverdue(upgrade.socket, response.overdue);
  try {
    await reads(upgrade, response.body);
  } finally {
    stop();
  }
  return switched;
}

async function serveStream(
  registry: Registry,
  call: Call,
  { verb, upgrade, started }: Upgrading & { readonly verb: "exec" | "attach" | "portforward" },
): Promise<void> {
  authorizeStream(registry, call);
  const { object } = await readNamed(registry, call);
  await admitConnect(registry, call, subresourceOf(call.served.kind, verb)?.kind);
  const open = registry.openNode;
  if (!open) throw serviceUnavailable("this server has no connection to the nodes");
  const target = { pod: object as unknown as Pod, query: call.request.query, open };
  started();
  await (verb === "portforward" ? servePortForward(upgrade, target) : serveCommand(verb, upgrade, target));
}

/** Since 1.35 a WebSocket, which begins as a GET, needs the leave that SPDY's POST does (KEP-4006): to read is not to run. */
function authorizeStream(registry: Registry, { info, user }: Call): void {
  if (info.verb === "create") return;
  const asked = { ...info, verb: "create" };
  const decision = registry.authorize(user, asked);
  if (!decision.allowed) throw denied(user, asked, decision.reason);
}

/** Joins the client with what it asked for behind a proxy, when that agrees to leave HTTP too. */
async function joinProxied(registry: Registry, call: Call, { upgrade, started }: Upgrading): Promise<number> {
  const { socket, head } = upgrade;
  const upgraded = await forwardUpgrade(call.request, await openProxy(registry, call));
  if ("refused" in upgraded) return answer(upgrade, upgraded.refused);
  const { accepted, socket: far } = upgraded;
  started();
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(accepted.rawHeaders)}\r\n`);
  socket.write(upgraded.head);
  far.write(head);
  await join(socket, far);
  return switched;
}

function headerLines(raw: readonly string[]): string {
  let lines = "";
  for (let i = 0; i + 1 < raw.length; i += 2) lines += `${raw[i]}: ${raw[i + 1]}\r\n`;
  return lines;
}

/** An ordinary answer after all. The connection ends with it: what the client sent next was not meant for us. */
async function answer({ incoming, socket }: UpgradeRequest, response: ApiResponse): Promise<number> {
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  outgoing.assignSocket(socket as Socket);
  outgoing.once("finish", () => socket.end());
  try {
    await send(incoming, outgoing, response);
  } catch {
    // What was relayed broke off; a Status after the half of it would be taken for the rest.
    socket.destroy();
  }
  return response.status;
}
