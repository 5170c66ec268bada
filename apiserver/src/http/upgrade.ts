import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { pathNotFound, serviceUnavailable } from "@coracle/shared/errors.ts";
import { admitValidate } from "../registry/admission.ts";
import { readNamed } from "../registry/get.ts";
import type { Call, Registry } from "../registry/registry.ts";
import { serveCommand, servePortForward } from "../streams/serve.ts";
import { refuseUpgrade } from "../streams/upgrade.ts";
import { apiRequest } from "./incoming.ts";
import type { Pipeline } from "./pipeline.ts";

export interface UpgradeParts extends Pick<Pipeline, "enter"> {
  readonly registry: Registry;
}

/** Serves exec, attach and port-forward on connections that leave HTTP, after the same chain as any request. */
export function createUpgrade(parts: UpgradeParts) {
  return (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    serve(parts, incoming, { socket, head }).catch((error: unknown) => refuseUpgrade(socket, error));
  };
}

async function serve(
  parts: UpgradeParts,
  incoming: IncomingMessage,
  { socket, head }: { socket: Duplex; head: Buffer },
): Promise<void> {
  const abort = new AbortController();
  socket.once("close", () => abort.abort());
  // The body of an upgrade request is the stream that follows.
  const call = await parts.enter(
    await apiRequest(Object.assign(incoming, { headers: { ...incoming.headers } }), abort.signal),
  );
  const { info, served } = call;
  const verb = info.subresource;
  if (served.kind.storage !== "pods" || (verb !== "exec" && verb !== "attach" && verb !== "portforward")) {
    throw pathNotFound();
  }
  const { object } = await readNamed(parts.registry, call);
  await admitConnect(parts.registry, call);
  const open = parts.registry.openNode;
  if (!open) throw serviceUnavailable("this server has no connection to the nodes");
  const upgrade = { incoming, socket, head };
  const target = { pod: object as unknown as Pod, query: call.request.query, open };
  await (verb === "portforward" ? servePortForward(upgrade, target) : serveCommand(verb, upgrade, target));
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
