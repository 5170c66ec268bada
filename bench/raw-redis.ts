import { execFileSync } from "node:child_process";
import { Redis } from "ioredis";

/** The floor of a write: what has to happen in Redis for it, and the wait for the disk; nothing else. */
const script = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) ~= tonumber(ARGV[3]) then return -1 end
local revision = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[3], revision .. '-0', 'k', ARGV[1], 'b', ARGV[2])
return revision`;

const image = process.env["CORACLE_BENCH_REDIS"] ?? "redis:8";
const docker = (...args: string[]): string => execFileSync("docker", args, { encoding: "utf8" }).trim();

export interface RawRedis extends AsyncDisposable {
  create(key: string, body: string): Promise<void>;
  update(key: string, body: string): Promise<void>;
  get(key: string): Promise<void>;
  /** Makes `count` values, to be read at once by `list`. */
  fill(count: number, body: string): Promise<void>;
  list(): Promise<void>;
}

/** A Redis of its own on loopback, as durable as the cluster's. */
export async function startRawRedis(): Promise<RawRedis> {
  const container = ["--detach", "--label", "io.coracle.bench=1", "--user", "0", "--volume", "/data"];
  const durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", "/data"];
  const id = docker(
    "run",
    ...container,
    "--publish=127.0.0.1::6379",
    "--entrypoint=redis-server",
    image,
    ...durable,
    "--protected-mode",
    "no",
  );
  const [address = ""] = docker("port", id, "6379/tcp").split("\n");
  const redis = new Redis({
    host: "127.0.0.1",
    port: Number(address.split(":").at(-1)),
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
  });
  // It refuses connections until it has started; the client tries again.
  redis.on("error", () => undefined);
  const sha = (await redis.script("LOAD", script)) as string;
  const write = async (key: string, body: string, exists: 0 | 1): Promise<void> => {
    const revision = await redis.evalsha(sha, 3, "objects", "revision", "changes", key, body, exists);
    if (revision === -1) throw new Error(`there already, or not yet: ${key}`);
  };
  return {
    create: (key, body) => write(key, body, 0),
    update: (key, body) => write(key, body, 1),
    get: async (key) => void (await redis.hget("objects", key)),
    fill: async (count, body) => {
      const values = Array.from({ length: count }, (_, i) => [String(i), body]);
      await redis.hset("list", ...values.flat());
    },
    list: async () => void (await redis.hvalsBuffer("list")),
    [Symbol.asyncDispose]: () => {
      redis.disconnect();
      docker("rm", "--force", "--volumes", id);
      return Promise.resolve();
    },
  };
}
