import { Redis } from "ioredis";
import { startTestContainer, type TestContainer } from "@coracle/shared/testing/container.ts";
import type { RedisOptions } from "./connection.ts";

/** A Redis of its own for a test: durable as in production, on a free port, gone afterwards. */
export interface TestRedis extends TestContainer {
  readonly options: RedisOptions;
  flush(): Promise<void>;
}

/** A configuration with its users instead of a plain server that lets everyone in. */
export interface TestRedisConfig {
  readonly config: string;
  /** The file of users, and where the configuration looks for it. */
  readonly users: { readonly content: string; readonly target: string };
  readonly username: string;
  readonly password: string;
}

const CONFIG = "/tmp/redis.conf";
const PLAIN = `protected-mode no
dir /data
save ""
appendonly yes
appendfsync always
`;

/** Runs the image `redis:8`. */
export async function startTestRedis(custom?: TestRedisConfig): Promise<TestRedis> {
  const container = await startTestContainer({
    image: "redis:8",
    port: 6379,
    files: [
      { content: custom?.config ?? PLAIN, target: CONFIG },
      ...(custom === undefined ? [] : [custom.users]),
    ],
    command: ["redis-server", CONFIG],
    ready: "Ready to accept connections",
  });
  const options: RedisOptions = {
    host: "127.0.0.1",
    port: container.port,
    ...(custom === undefined ? {} : { username: custom.username, password: custom.password }),
  };
  return {
    ...container,
    options,
    async start() {
      await container.start();
      await withClient(options, (client) => client.ping());
    },
    flush: async () => void (await withClient(options, (client) => client.flushall())),
  };
}

async function withClient<T>(options: RedisOptions, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ ...options, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  client.on("error", () => undefined);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}
