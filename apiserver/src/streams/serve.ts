import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import { createWebSocketStream } from "ws";
import { bridge, type OpenNodeStream, type RemoteCommandClient } from "./channels.ts";
import { forwardOverSpdy, portForwardProtocol, type OpenPort } from "./port-forward.ts";
import { serveSpdy } from "./spdy/connection.ts";
import { commandStreamProtocols, spdyCommandClient } from "./spdy-command.ts";
import { commandOptions, containerOf, forwardPorts, nodeOf, type CommandOptions } from "./target.ts";
import {
  acceptSpdy,
  acceptWebSocket,
  negotiateStreamProtocol,
  offeredSubprotocols,
  upgradeRequired,
  wantsSpdy,
  wantsWebSocket,
  type UpgradeRequest,
} from "./upgrade.ts";
import { commandSubprotocols, webSocketCommandClient } from "./websocket-command.ts";
import { forwardOverChannels, forwardSubprotocols } from "./websocket-forward.ts";

/** Current kubectl speaks SPDY inside a WebSocket for port-forward (KEP-4006). */
const tunnelSubprotocol = `SPDY/3.1+${portForwardProtocol}`;

export interface StreamTarget {
  readonly pod: Pod;
  readonly query: URLSearchParams;
  readonly open: OpenNodeStream;
}

const podIdentity = (pod: Pod) => ({
  namespace: pod.metadata.namespace ?? "",
  pod: pod.metadata.name ?? "",
  uid: pod.metadata.uid ?? "",
});

/**
 * Serves pods/exec and pods/attach on an upgraded connection, by WebSocket or SPDY/3.1. The caller has authorized the request.
 * @throws ApiError before the upgrade only; send it with `refuseUpgrade`
 */
export async function serveCommand(
  verb: "exec" | "attach",
  request: UpgradeRequest,
  target: StreamTarget,
): Promise<void> {
  const options = commandOptions(verb, target.query);
  const node = nodeOf(target.pod);
  const container = containerOf(target.pod, target.query.get("container"));
  const abort = new AbortController();
  request.socket.once("close", () => abort.abort());
  const session = await target.open(
    node,
    verb,
    { ...podIdentity(target.pod), container, ...options },
    abort.signal,
  );
  try {
    await bridge(await acceptCommand(request, options), session);
  } catch (error) {
    session.end();
    if (error instanceof ApiError) throw error;
    request.socket.destroy();
  }
}

async function acceptCommand(request: UpgradeRequest, options: CommandOptions): Promise<RemoteCommandClient> {
  if (wantsWebSocket(request)) {
    const offered = offeredSubprotocols(request);
    // A client that names none gets the first protocol there was, as upstream.
    const agreed =
      offered.length === 0 ? "" : commandSubprotocols.find((protocol) => offered.includes(protocol));
    if (agreed === undefined)
      throw new ApiError(
        400,
        "BadRequest",
        `unable to upgrade: no common subprotocol in [${offered.join(" ")}]`,
      );
    return webSocketCommandClient(await acceptWebSocket(request, agreed), agreed, options);
  }
  if (!wantsSpdy(request)) throw upgradeRequired();
  const protocol = negotiateStreamProtocol(request, commandStreamProtocols);
  return spdyCommandClient(serveSpdy(acceptSpdy(request, protocol)), protocol, options);
}

/**
 * Serves pods/portforward on an upgraded connection: SPDY/3.1, SPDY in a WebSocket, or WebSocket channels.
 * @throws ApiError before the upgrade only
 */
export async function servePortForward(request: UpgradeRequest, target: StreamTarget): Promise<void> {
  const node = nodeOf(target.pod);
  const abort = new AbortController();
  request.socket.once("close", () => abort.abort());
  const openPort: OpenPort = (port) =>
    target.open(node, "portforward", { ...podIdentity(target.pod), port }, abort.signal);
  if (wantsSpdy(request)) {
    await forwardOverSpdy(
      serveSpdy(acceptSpdy(request, negotiateStreamProtocol(request, [portForwardProtocol]))),
      openPort,
    );
    return;
  }
  if (!wantsWebSocket(request)) throw upgradeRequired();
  const offered = offeredSubprotocols(request);
  if (offered.includes(tunnelSubprotocol)) {
    const socket = await acceptWebSocket(request, tunnelSubprotocol);
    await forwardOverSpdy(serveSpdy(createWebSocketStream(socket)), openPort);
    return;
  }
  const agreed =
    forwardSubprotocols.find((protocol) => offered.includes(protocol)) ??
    (offered.length === 0 ? "" : undefined);
  if (agreed === undefined)
    throw new ApiError(
      400,
      "BadRequest",
      `unable to upgrade: no common subprotocol in [${offered.join(" ")}]`,
    );
  const ports = forwardPorts(target.query);
  await forwardOverChannels(await acceptWebSocket(request, agreed), agreed, ports, openPort);
}
