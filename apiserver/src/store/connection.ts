import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis, type RedisOptions as AllRedisOptions } from "ioredis";
import { storeUnavailable } from "./codes.ts";

/** Where Redis is and how to get in. */
export type RedisOptions = Omit<AllRedisOptions, "replyMapping">;

/**
 * How to reach Redis, from the process's environment and its directory of keys (docs/processes.md). Files that are absent are
 * left out, so that tests can use a plain server.
 */
export function redisOptionsFrom(url: string, pki: string): RedisOptions {
  const at = new URL(url);
  const read = (name: string): string | undefined => readIfPresent(join(pki, name));
  const password = at.password || read("redis.password")?.trim();
  const secure = at.protocol === "rediss:";
  return {
    host: at.hostname,
    port: Number(at.port || 6379),
    ...(password ? { username: at.username || "apiserver", password } : {}),
    ...(secure
      ? {
          tls: {
            servername: at.hostname,
            ca: read("ca.crt"),
            cert: read("redis-client.crt"),
            key: read("redis-client.key"),
          },
        }
      : {}),
  };
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** One connection that reconnects by itself and never resends or queues a command on its own. */
export interface Link {
  readonly redis: Redis;
  /** Rises with every connection that is made. */
  readonly epoch: number;
  /** Resolves once commands can be sent. @throws ApiError 503 after `timeoutMs` */
  ready(timeoutMs: number): Promise<void>;
  /**
   * Holds the commands of this turn of the event loop back until its end: they leave in one write and one TLS record, and Redis
   * syncs them to the disk together.
   */
  gather(): void;
  close(): void;
}

/** Opens a connection. A command in flight when the connection drops is rejected at once; the caller knows what that means for it. */
export function openLink(options: RedisOptions, onDown?: (reason: string) => void): Link {
  const redis = new Redis({
    connectTimeout: 3_000,
    keepAlive: 10_000,
    ...options,
    // Messages of a channel come on the same connection as answers.
    protocol: 3,
    autoResubscribe: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Retries start quickly, so that a restarted Redis is found within a fraction of a second.
    retryStrategy: (times) => Math.min(20 * 2 ** Math.min(times, 6), 1_000),
    // A replica that was the primary refuses writes: find the new primary.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  let epoch = 0;
  let lastError = "";
  redis.on("error", (error: Error) => {
    if (error.message !== lastError) onDown?.(error.message);
    lastError = error.message;
  });
  let opening = waitReady();
  redis.on("ready", () => {
    epoch++;
    lastError = "";
    opening.resolve();
  });
  redis.on("close", () => {
    if (opening.settled()) opening = waitReady();
  });
  let corked: Redis["stream"] | undefined;
  return {
    redis,
    get epoch() {
      return epoch;
    },
    gather() {
      const { stream } = redis;
      if (corked === stream) return;
      corked = stream;
      stream.cork();
      setImmediate(() => {
        if (corked === stream) corked = undefined;
        stream.uncork();
      });
    },
    ready: (timeoutMs) => (redis.status === "ready" ? Promise.resolve() : within(opening.promise, timeoutMs)),
    close: () => redis.disconnect(),
  };
}

function waitReady(): { promise: Promise<void>; resolve: () => void; settled: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let done = false;
  return {
    promise,
    resolve: () => {
      done = true;
      resolve();
    },
    settled: () => done,
  };
}

async function within(promise: Promise<void>, timeoutMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(storeUnavailable()), timeoutMs);
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A pause after a failed command: its rejection arrives before the connection's own state has changed. */
export const settle = (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 10);
  return promise;
};
