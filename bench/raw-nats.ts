import { execFileSync } from "node:child_process";
import { connect, type NatsConnection } from "nats";
import { clock, sentField } from "./load/jobs.ts";

const image = process.env["CORACLE_BENCH_NATS"] ?? "nats:2";
const docker = (...args: string[]): string => execFileSync("docker", args, { encoding: "utf8" }).trim();
/** What a watcher of the cluster would be sent, about. */
const filling = "x".repeat(1_400);

export interface RawNats extends AsyncDisposable {
  readonly url: string;
  readonly subject: string;
  /** A message that says when it was sent. */
  publish(): void;
}

/** The floor of a watch: a broker that hands a message to all who want it, without TLS. */
export async function startRawNats(): Promise<RawNats> {
  const id = docker("run", "--detach", "--label", "io.coracle.bench=1", "--publish=127.0.0.1::4222", image);
  const [address = ""] = docker("port", id, "4222/tcp").split("\n");
  const url = `127.0.0.1:${address.split(":").at(-1)}`;
  const subject = "floor";
  const nc = await whenUp(url);
  return {
    url,
    subject,
    publish: () => nc.publish(subject, JSON.stringify({ text: `${sentField}${clock()}`, filling })),
    [Symbol.asyncDispose]: async () => {
      await nc.close();
      docker("rm", "--force", id);
    },
  };
}

async function whenUp(servers: string): Promise<NatsConnection> {
  for (let left = 100; ; left--) {
    try {
      return await connect({ servers });
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
