import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, credsAuthenticator, type Authenticator, type NatsConnection } from "nats";
import type { Logger } from "../log.ts";
import { inboxPrefix } from "./subjects.ts";

/** A connection that never gives up, and says when it was away: whatever was sent meanwhile is lost. */
export interface Bus {
  readonly identity: string;
  readonly nc: NatsConnection;
  readonly connected: boolean;
  /** Calls back after each reconnect. Returns the unsubscribe function. */
  onReconnect(listener: () => void): () => void;
  onDisconnect(listener: () => void): () => void;
  /** Sends what is pending and closes. */
  close(): Promise<void>;
}

export interface BusOptions {
  /** One URL or several, with commas between: `tls://nats:4222`. */
  readonly servers: string;
  readonly caFile?: string | undefined;
  /** JWT and seed; read again at each connect, so that it may be renewed. */
  readonly credsFile?: string | undefined;
  /** For credentials that are not in a file: a node's JWT and seed. Wins over `credsFile`. */
  readonly authenticator?: Authenticator | undefined;
  /** Who we are; by default the name in the credentials' JWT. */
  readonly identity?: string | undefined;
  readonly log?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;

/** Connects, waiting for files and broker as long as it takes; rejects only when `signal` aborts. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  for (let delay = RETRY_MIN_MS; ; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
    options.signal?.throwIfAborted();
    try {
      return await connectOnce(options);
    } catch (error) {
      options.log?.warn({ err: error, servers: options.servers }, "cannot reach the bus yet");
      await sleep(delay, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}

/** The bus of a process run as docs/processes.md says: `CORACLE_NATS`, and `ca.crt` and `nats.creds` in `CORACLE_PKI`. */
export function connectBusFromEnvironment(log: Logger, signal: AbortSignal): Promise<Bus> {
  const pki = process.env["CORACLE_PKI"] ?? "/pki";
  return connectBus({
    servers: process.env["CORACLE_NATS"] ?? "tls://nats:4222",
    caFile: join(pki, "ca.crt"),
    credsFile: join(pki, "nats.creds"),
    log,
    signal,
  });
}

async function connectOnce(options: BusOptions): Promise<Bus> {
  const identity = options.identity ?? (await identityInCreds(options.credsFile));
  const tls = options.caFile ? { ca: await readFile(options.caFile, "utf8") } : undefined;
  const authenticator =
    options.authenticator ?? (options.credsFile ? credsFromFile(options.credsFile) : undefined);
  let delay = RETRY_MIN_MS;
  const nc = await connect({
    servers: options.servers.split(","),
    name: identity,
    inboxPrefix: inboxPrefix(identity),
    ...(tls ? { tls } : {}),
    ...(authenticator ? { authenticator } : {}),
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => {
      const wait = delay / 2 + Math.random() * (delay / 2);
      delay = Math.min(delay * 2, RETRY_MAX_MS);
      return wait;
    },
    pingInterval: 20_000,
    maxPingOut: 2,
    timeout: 5_000,
    noAsyncTraces: true,
  });
  return follow(nc, identity, options.log, () => {
    delay = RETRY_MIN_MS;
  });
}

const credsFromFile = (file: string): Authenticator => credsAuthenticator(() => readFileSync(file));

/** The `name` claim of the JWT in a creds file. The broker verifies it; here it only tells us who we are. */
async function identityInCreds(file: string | undefined): Promise<string> {
  const jwt = file ? /^[\w-]+\.([\w-]+)\.[\w-]+$/m.exec(await readFile(file, "utf8"))?.[1] : undefined;
  if (!jwt) throw new Error("the bus credentials hold no JWT");
  const claims: unknown = JSON.parse(Buffer.from(jwt, "base64url").toString());
  const name = (claims as { name?: unknown }).name;
  if (typeof name !== "string") throw new Error("the JWT of the bus credentials has no name");
  return name;
}

function follow(nc: NatsConnection, identity: string, log: Logger | undefined, onUp: () => void): Bus {
  let connected = true;
  const up = new Set<() => void>();
  const down = new Set<() => void>();
  const run = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") {
        connected = false;
        log?.warn("lost the bus");
        for (const listener of down) listener();
      } else if (status.type === "reconnect") {
        connected = true;
        onUp();
        log?.info("back on the bus");
        for (const listener of up) listener();
      } else if (status.type === "error") log?.error({ err: status.error }, "the broker refused something");
    }
    connected = false;
  };
  void run().catch((error: unknown) => log?.error({ err: error }, "bus status ended"));
  const register = (set: Set<() => void>, listener: () => void): (() => void) => {
    set.add(listener);
    return () => void set.delete(listener);
  };
  return {
    identity,
    nc,
    get connected() {
      return connected && !nc.isClosed();
    },
    onReconnect: (listener) => register(up, listener),
    onDisconnect: (listener) => register(down, listener),
    close: async () => {
      // A drain waits for the broker; without one there is nothing to wait for.
      if (connected) await nc.drain().catch(() => nc.close());
      else await nc.close();
    },
  };
}
