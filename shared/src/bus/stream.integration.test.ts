import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { invalid } from "../errors.ts";
import type { Bus } from "./connect.ts";
import { openStream, serveStreams } from "./stream.ts";
import { nodeSubject } from "./subjects.ts";
import { startTestNats, type TestNats } from "./test-nats.ts";

const NODE = "node-1.rack.a";
let nats: TestNats;
let server: Bus;
let node: Bus;
beforeAll(async () => {
  nats = await startTestNats(["apiserver", `node_${NODE}`]);
  server = await nats.connect("apiserver");
  node = await nats.connect(`node_${NODE}`);
});
afterAll(() => nats.remove());

const forever = new AbortController().signal;

it("carries a conversation under the permissions of a node", async () => {
  const stop = serveStreams(node.nc, nodeSubject(NODE, "exec"), async (open, channels) => {
    let input = "";
    for await (const item of channels.receive()) {
      if ("closed" in item) break;
      input += Buffer.from(item.data).toString();
    }
    await channels.send(1, Buffer.from(`${JSON.stringify(open)} ${input}`));
    throw invalid("", "Pod", "x", [{ reason: "r", field: "f", message: "m" }]);
  });
  await node.nc.flush();
  const stream = await openStream(server.nc, nodeSubject(NODE, "exec"), { command: ["cat"] }, forever);
  await stream.send(0, Buffer.from("hel"));
  await stream.send(0, Buffer.from("lo"));
  stream.closeSend(0);
  let output = "";
  for await (const item of stream.receive()) if ("data" in item) output += Buffer.from(item.data).toString();
  expect(output).toBe('{"command":["cat"]} hello');
  expect(await stream.ended).toMatchObject({ code: 422 });
  stream.end();
  stop();
});

it("says at once that a node is not there", async () => {
  const began = performance.now();
  await expect(openStream(server.nc, nodeSubject("nobody", "logs"), {}, forever)).rejects.toMatchObject({
    code: 503,
  });
  expect(performance.now() - began).toBeLessThan(1_000);
});

it("stops the node's side when the request is aborted", async () => {
  const stopped = Promise.withResolvers<void>();
  const stop = serveStreams(node.nc, nodeSubject(NODE, "logs"), async (_, channels) => {
    channels.aborted.addEventListener("abort", () => stopped.resolve());
    await stopped.promise;
  });
  const abort = new AbortController();
  await node.nc.flush();
  const stream = await openStream(server.nc, nodeSubject(NODE, "logs"), {}, abort.signal);
  abort.abort();
  await stopped.promise;
  expect(stream.aborted.aborted).toBe(true);
  stop();
});

it("brings a gigabyte through unchanged, without growing", async () => {
  const chunk = randomBytes(1024 * 1024);
  const chunks = 1024;
  const sent = createHash("sha1");
  const stop = serveStreams(node.nc, nodeSubject(NODE, "logs"), async (_, channels) => {
    for (let i = 0; i < chunks; i++) {
      chunk.writeUInt32BE(i, 0);
      sent.update(chunk);
      await channels.send(1, chunk);
    }
  });
  await node.nc.flush();
  const stream = await openStream(server.nc, nodeSubject(NODE, "logs"), {}, forever);
  const got = createHash("sha1");
  let bytes = 0;
  let peak = 0;
  const began = performance.now();
  const base = process.memoryUsage();
  for await (const item of stream.receive()) {
    if (!("data" in item)) continue;
    got.update(item.data);
    bytes += item.data.length;
    if (bytes % (64 * 1024 * 1024) < 65_536) {
      const now = process.memoryUsage();
      peak = Math.max(peak, now.arrayBuffers - base.arrayBuffers, now.heapUsed - base.heapUsed);
    }
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `stream: ${Math.round(bytes / 1048576 / seconds)} MiB/s, peak growth ${Math.round(peak / 1048576)} MiB`,
  );
  expect(bytes).toBe(chunks * chunk.length);
  expect(got.digest("hex")).toBe(sent.digest("hex"));
  // Garbage that is not collected yet counts too; what is under way is a quarter of a megabyte.
  expect(peak).toBeLessThan(128 * 1024 * 1024);
  stream.end();
  stop();
}, 120_000);

it("notices that the broker went away under it", async () => {
  const stop = serveStreams(node.nc, nodeSubject(NODE, "attach"), async (_, channels) => {
    for await (const item of channels.receive()) if ("data" in item) await channels.send(1, item.data);
  });
  await node.nc.flush();
  const stream = await openStream(server.nc, nodeSubject(NODE, "attach"), {}, forever);
  const lost = (async () => {
    for await (const _ of stream.receive()) void _;
  })();
  const failure = lost.catch((error: unknown) => error);
  await stream.send(0, Buffer.from("before"));
  await nats.kill();
  // Sent while the broker is away, and so lost …
  await stream.send(0, Buffer.from("during")).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await nats.start();
  await expect.poll(() => server.connected && node.connected, { timeout: 20_000 }).toBe(true);
  // … which the next message shows.
  await stream.send(0, Buffer.from("after")).catch(() => undefined);
  expect(await failure).toMatchObject({ code: 503 });
  stop();
}, 60_000);
