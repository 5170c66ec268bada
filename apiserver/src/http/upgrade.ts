import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { serviceUnavailable } from "@coracle/shared/errors.ts";
import { admitValidate } from "../registry/admission.ts";
import { readNamed } from "../registry/get.ts";
import type { Call, Registry } from "../registry/registry.ts";
import { route } from "../registry/route.ts";
import { forwardUpgrade } from "../registry/subresources/proxy/forward.ts";
import { openProxy } from "../registry/subresources/proxy/proxy.ts";
import { serveCommand, servePortForward } from "../streams/serve.ts";
import { refuseUpgrade, wantsWebSocket, type UpgradeRequest } from "../streams/upgrade.ts";
import { readOverWebSocket, watchOverWebSocket } from "../streams/websocket-reading.ts";
import type { ApiResponse } from "../request.ts";
import { apiRequest } from "./incoming.ts";
import { send } from "./outgoing.ts";
import type { Pipeline } from "./pipeline.ts";

export interface UpgradeParts extends Pick<Pipeline, "enter"> {
  readonly registry: Registry;
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
  const call = await parts.enter(
    await apiRequest(Object.assign(incoming, { headers: { ...incoming.headers } }), abort.signal),
  );
  const { info, served } = call;
  const verb = info.subresource;
  if (verb === "proxy") return joinProxied(parts.registry, call, upgrade);
  if (served.kind.storage === "pods" && (verb === "exec" || verb === "attach" || verb === "portforward"))
    return serveStream(parts.registry, call, { verb, upgrade });
  const response = await route(call)(parts.registry, call);
  if (response.status !== 200 || !wantsWebSocket(upgrade)) return answer(upgrade, response);
  if (verb === "log") return readOverWebSocket(upgrade, response.body);
  if (info.verb === "watch") return watchOverWebSocket(upgrade, response.body);
  // A server is free not to take up an offer to upgrade.
  return answer(upgrade, response);
}

async function serveStream(
  registry: Registry,
  call: Call,
  { verb, upgrade }: { verb: "exec" | "attach" | "portforward"; upgrade: UpgradeRequest },
): Promise<void> {
  const { object } = await readNamed(registry, call);
  await admitConnect(registry, call);
  const open = registry.openNode;
  if (!open) throw serviceUnavailable("this server has no connection to the nodes");
  const target = { pod: object as unknown as Pod, query: call.request.query, open };
  await (verb === "portforward" ? servePortForward(upgrade, target) : serveCommand(verb, upgrade, target));
}

/** Joins the client with what it asked for behind a proxy, when that agrees to leave HTTP too. */
async function joinProxied(registry: Registry, call: Call, upgrade: UpgradeRequest): Promise<void> {
  const { socket, head } = upgrade;
  const upgraded = await forwardUpgrade(call.request, await openProxy(registry, call));
  if ("refused" in upgraded) return answer(upgrade, upgraded.refused);
  const { accepted, socket: far } = upgraded;
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(accepted.rawHeaders)}\r\n`);
  socket.write(upgraded.head);
  far.write(head);
  // Either side's end is the end of both, with or without an error.
  await Promise.allSettled([pipeline(socket, far), pipeline(far, socket)]);
}

function headerLines(raw: readonly string[]): string {
  let lines = "";
  for (let i = 0; i + 1 < raw.length; i += 2) lines += `${raw[i]}: ${raw[i + 1]}\r\n`;
  return lines;
}

/** An ordinary answer after all. The connection ends with it: what the client sent next was not meant for us. */
async function answer({ incoming, socket }: UpgradeRequest, response: ApiResponse): Promise<void> {
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  outgoing.assignSocket(socket as Socket);
  outgoing.once("finish", () => socket.end());
  await send(incoming, outgoing, response);
}

const admitConnect = (registry: Registry, { served, info, user, warn }: Call): Promise<void> =>
  admitValidate(registry, {
    operation: "CONNECT",
    kind: served.kind,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    user,
    dryRun: false,
    warn,
  });
