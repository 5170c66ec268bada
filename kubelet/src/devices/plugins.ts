/** The drivers that have registered on this node (pluginregistration v1, type DRAPlugin). */
import type { ClientHttp2Session } from "node:http2";
import type { Logger } from "@coracle/shared/log.ts";
import { call, callOn, openSession } from "./grpc.ts";
import { decode, encode, nothing, pluginInfo, registrationStatus, type PluginInfo } from "./messages.ts";

/** A driver's socket, and which version of the service it has. */
export interface Plugin {
  readonly driver: string;
  /** As this process sees it. */
  readonly endpoint: string;
  readonly service: string;
  /** @throws GrpcError */
  call(method: string, request: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
}

export interface Plugins {
  /** The newest registration of a driver. */
  of(driver: string): Plugin | undefined;
  /** A registration socket is there. @throws Error when the plugin is none of ours, or does not answer */
  register(socket: string): Promise<void>;
  /** A registration socket is gone. */
  deregister(socket: string): void;
  close(): void;
}

export interface PluginsOptions {
  /** A path of the node as this process sees it. */
  readonly place: (path: string) => Promise<string>;
  /** A driver can be used (again). */
  readonly onRegistered: (driver: string) => void;
  /** A driver has been gone for a while: what it has published is of no use. */
  readonly onGone: (driver: string) => void;
  readonly log: Logger;
  readonly goneAfterMs?: number;
}

const timeoutMs = 10_000;
/** Upstream's grace for a driver that is replaced by its next version. */
const defaultGoneAfterMs = 30_000;
const reconnectMs = 5_000;

/** Newest first. */
const services = ["v1", "v1beta1"];

export function createPlugins(options: PluginsOptions): Plugins {
  const { log, goneAfterMs = defaultGoneAfterMs } = options;
  /** Registration socket → plugin, in the order of registration. */
  const registered = new Map<string, Plugin>();
  /** Registration socket → the connection to the driver. */
  const sessions = new Map<string, ClientHttp2Session>();
  const leaving = new Map<string, NodeJS.Timeout>();
  let closed = false;

  const of = (driver: string): Plugin | undefined =>
    [...registered.values()].findLast((plugin) => plugin.driver === driver);

  const stay = (driver: string): void => {
    clearTimeout(leaving.get(driver));
    leaving.delete(driver);
  };
  /** Unless it comes back in time. */
  const leave = (driver: string): void => {
    const here = [...registered].some(([socket, p]) => p.driver === driver && sessions.has(socket));
    if (closed || here || leaving.has(driver)) return;
    const timer = setTimeout(() => {
      leaving.delete(driver);
      options.onGone(driver);
    }, goneAfterMs);
    leaving.set(driver, timer.unref());
  };

  /** A driver that was killed leaves its sockets; its connection tells. */
  async function follow(socket: string, plugin: Plugin): Promise<void> {
    const isGone = (): boolean => closed || registered.get(socket) !== plugin;
    if (isGone()) return;
    try {
      const session = await openSession(plugin.endpoint);
      // Another may have taken its place meanwhile.
      if (isGone()) {
        session.destroy();
        return;
      }
      session.unref();
      sessions.set(socket, session);
      stay(plugin.driver);
      session.once("close", () => lost(socket, plugin));
    } catch {
      lost(socket, plugin);
    }
  }
  function lost(socket: string, plugin: Plugin): void {
    if (registered.get(socket) !== plugin) return;
    sessions.delete(socket);
    leave(plugin.driver);
    setTimeout(() => void follow(socket, plugin), reconnectMs).unref();
  }

  return {
    of,
    async register(socket) {
      const answer = await call(
        socket,
        "/pluginregistration.Registration/GetInfo",
        encode(nothing, {}),
        timeoutMs,
      );
      const info = decode<PluginInfo>(pluginInfo, answer);
      const problem = problemOf(info, socket);
      // Without one of its own, the service is where the registration is; that path is not the node's but ours already.
      const endpoint = problem || !info.endpoint ? socket : await options.place(info.endpoint);
      const status = problem ? { error: problem } : { pluginRegistered: true };
      if (!problem) {
        const service = services.find((v) => info.supportedVersions.includes(`${v}.DRAPlugin`)) ?? "v1";
        const prefix = `/k8s.io.kubelet.pkg.apis.dra.${service}.DRAPlugin`;
        const plugin: Plugin = {
          driver: info.name,
          endpoint,
          service,
          call(method, request, ms) {
            const session = sessions.get(socket);
            const path = `${prefix}/${method}`;
            return session && !session.closed && !session.destroyed
              ? callOn(session, path, request, ms)
              : call(endpoint, path, request, ms);
          },
        };
        registered.delete(socket);
        registered.set(socket, plugin);
        await follow(socket, plugin);
      }
      await call(
        socket,
        "/pluginregistration.Registration/NotifyRegistrationStatus",
        encode(registrationStatus, status),
        timeoutMs,
      );
      if (problem) throw new Error(problem);
      log.info({ driver: info.name, endpoint: info.endpoint }, "driver registered");
      options.onRegistered(info.name);
    },
    deregister(socket) {
      const plugin = registered.get(socket);
      if (!plugin) return;
      registered.delete(socket);
      sessions.get(socket)?.destroy();
      sessions.delete(socket);
      log.info({ driver: plugin.driver }, "driver deregistered");
      leave(plugin.driver);
    },
    close() {
      closed = true;
      for (const timer of leaving.values()) clearTimeout(timer);
      for (const session of sessions.values()) session.destroy();
    },
  };
}

/** Why a plugin is not taken, in upstream's words. */
function problemOf(info: PluginInfo, socket: string): string | undefined {
  if (info.type !== "DRAPlugin")
    return `no handler registered for plugin type: ${info.type} at socket ${socket}`;
  if (!info.name) return "empty DRA plugin name";
  if (info.supportedVersions.length === 0) return "empty list for supported gRPC services";
  if (!services.some((v) => info.supportedVersions.includes(`${v}.DRAPlugin`)))
    return `unsupported gRPC services: got ${info.supportedVersions.join(", ")}, want v1.DRAPlugin or v1beta1.DRAPlugin`;
  return undefined;
}
