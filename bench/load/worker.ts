/** The client of the API benchmark, in a process of its own: told what to do over IPC (jobs.ts), it answers with what it took. */
import type { ConnectionOptions } from "node:tls";
import { connect } from "nats";
import { kubeconfig } from "@coracle/shared/client/https.ts";
import { openConnection, type Connection } from "./connection.ts";
import { createDeliveries } from "./deliveries.ts";
import type { Done, Job, Message, RequestsJob, SubscribeJob, WatchJob } from "./jobs.ts";

const [, , file = "", host = "", port = ""] = process.argv;
const { ca, cert, key, server } = await kubeconfig(file);
const options: ConnectionOptions = {
  host,
  port: Number(port),
  ALPNProtocols: ["http/1.1"],
  ...(ca ? { ca } : {}),
  ...(cert && key ? { cert, key } : {}),
  // The authority is checked; the name would be the kubeconfig's, whichever way the connection goes.
  checkServerIdentity: () => undefined,
};
const common = [`host: ${new URL(server).hostname}`, "accept: application/json", "user-agent: bench/1"];

const idle: Connection[] = [];
async function connections(count: number): Promise<Connection[]> {
  const have = idle.splice(0, count);
  const more = Array.from({ length: count - have.length }, () => openConnection(options));
  return [...have, ...(await Promise.all(more))];
}

const say = (message: Message): void => void process.send?.(message);
process.on("message", (job: Job) => {
  run(job).then(say, (error: unknown) => say({ kind: "failed", message: String(error) }));
});
process.on("disconnect", () => process.exit(0));
say({ kind: "open" });

function run(job: Job): Promise<Done> {
  switch (job.kind) {
    case "requests":
      return requests(job);
    case "watch":
      return watches(job);
    case "subscribe":
      return subscriptions(job);
  }
}

async function requests(job: RequestsJob): Promise<Done> {
  // Written beforehand: what is measured is the server.
  const prepared = Array.from({ length: job.count }, (_, i) => requestBytes(job, i));
  const open = await connections(job.width);
  const milliseconds: number[] = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(
    open.map(async (connection) => {
      for (let bytes = prepared[next++]; bytes; bytes = prepared[next++]) {
        const at = performance.now();
        const status = await connection.request(bytes);
        milliseconds.push(performance.now() - at);
        if (status !== job.expect) throw new Error(`${job.method} ${job.path} answered ${status}`);
      }
    }),
  );
  const totalMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  idle.push(...open);
  return { kind: "done", milliseconds, totalMs, cpuMs: (user + system) / 1000 };
}

function requestBytes(job: RequestsJob, i: number): Buffer {
  const body = Buffer.from((job.body ?? "").replaceAll("{i}", String(i)));
  const lines = [`${job.method} ${job.path.replaceAll("{i}", String(i))} HTTP/1.1`, ...common];
  if (body.length > 0) lines.push(`content-type: ${job.contentType}`, `content-length: ${body.length}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}

async function watches({ path, watchers, count }: WatchJob): Promise<Done> {
  const open = await Promise.all(Array.from({ length: watchers }, () => openConnection(options)));
  const bytes = Buffer.from([`GET ${path} HTTP/1.1`, ...common, "\r\n"].join("\r\n"));
  const deliveries = createDeliveries(watchers * count);
  // The first bytes are the answer's head: the watch is registered by then.
  await Promise.all(
    open.map((connection) => {
      const read = deliveries.reader();
      return new Promise<void>((resolve) => {
        connection.stream(bytes, (chunk) => {
          resolve();
          read(chunk);
        });
      });
    }),
  );
  say({ kind: "open" });
  const done = await deliveries.finished();
  for (const connection of open) connection.close();
  return done;
}

async function subscriptions({ url, subject, subscribers, count }: SubscribeJob): Promise<Done> {
  const open = await Promise.all(Array.from({ length: subscribers }, () => connect({ servers: url })));
  const deliveries = createDeliveries(subscribers * count);
  for (const nc of open) {
    const read = deliveries.reader();
    nc.subscribe(subject, { callback: (_, message) => read(Buffer.from(message.data)) });
  }
  await Promise.all(open.map((nc) => nc.flush()));
  say({ kind: "open" });
  const done = await deliveries.finished();
  await Promise.all(open.map((nc) => nc.close()));
  return done;
}
