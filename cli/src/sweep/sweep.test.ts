import { createServer, type Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nodesRemain, sweepAll, sweepNodes } from "./sweep.ts";

type Labels = Record<string, string>;

/** An engine as far as labels and removal go. */
class FakeEngine {
  readonly containers = new Map<string, Labels>();
  readonly volumes = new Map<string, Labels>();
  readonly networks = new Map<string, Labels>();
  readonly removed: string[] = [];
  state = "exited";

  answer(method: string, url: URL): { status: number; body: unknown } {
    const [, collection = "", id = ""] = url.pathname.split("/");
    const store = { containers: this.containers, volumes: this.volumes, networks: this.networks }[collection];
    if (store === undefined) return { status: 400, body: { message: "no such collection" } };
    if (method === "DELETE") {
      this.removed.push(id);
      return { status: store.delete(id) ? 204 : 404, body: { message: "gone" } };
    }
    const { label } = JSON.parse(url.searchParams.get("filters") ?? "{}") as { label: string[] };
    const matches = ([, labels]: [string, Labels]): boolean =>
      label.every((wanted) => {
        const [key = "", value] = wanted.split("=");
        return value === undefined ? key in labels : labels[key] === value;
      });
    const found = [...store].filter(matches).map(([name, Labels]) => ({
      Id: name,
      Name: name,
      Labels,
      State: this.state,
    }));
    return { status: 200, body: collection === "volumes" ? { Volumes: found } : found };
  }
}

let dir: string;
let engine: FakeEngine;
let server: Server;
const options = (): { socket: string; cluster: string } => ({
  socket: join(dir, "docker.sock"),
  cluster: "boat",
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sweep-"));
  engine = new FakeEngine();
  server = createServer((request, response) => {
    const { status, body } = engine.answer(request.method ?? "", new URL(request.url ?? "", "http://engine"));
    response.writeHead(status).end(status === 204 ? undefined : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(options().socket, resolve));

  const ours = { "io.coracle.cluster": "boat" };
  const pod = { ...ours, "io.coracle.node": "node-1" };
  engine.containers.set("sandbox", { ...pod, "io.coracle.type": "sandbox" });
  engine.containers.set("app", { ...pod, "io.coracle.type": "container" });
  engine.containers.set("redis", ours);
  engine.containers.set("other-cluster", { "io.coracle.cluster": "raft", "io.coracle.node": "node-1" });
  engine.containers.set("stranger", {});
  engine.volumes.set("pod-data", pod);
  engine.volumes.set("pki", ours);
  engine.volumes.set("photos", {});
  engine.networks.set("nodes", ours);
  engine.networks.set("bridge", {});
});
afterEach(async () => {
  server.close();
  await rm(dir, { recursive: true });
});

test("pods go, sandboxes last; the cluster's services and other clusters stay", async () => {
  await sweepNodes(options());
  expect([...engine.containers.keys()]).toEqual(["redis", "other-cluster", "stranger"]);
  expect([...engine.volumes.keys()]).toEqual(["pki", "photos"]);
  expect(engine.removed.indexOf("app")).toBeLessThan(engine.removed.indexOf("sandbox"));
});

test("everything of one cluster goes, and nothing else", async () => {
  await sweepAll(options());
  expect([...engine.containers.keys()]).toEqual(["other-cluster", "stranger"]);
  expect([...engine.volumes.keys()]).toEqual(["photos"]);
  expect([...engine.networks.keys()]).toEqual(["bridge"]);
});

const node = {
  "com.docker.compose.project": "boat",
  "com.docker.compose.service": "kubelet",
  "com.docker.compose.oneoff": "False",
};
const patience = { runningMs: 400, endedMs: 200, everyMs: 10 };

test("a stopped node still counts as a node", async () => {
  expect(await nodesRemain(options(), patience)).toBe(false);
  engine.containers.set("node", node);
  expect(await nodesRemain(options(), patience)).toBe(true);
});

test("a node that is ended at the same time is waited for, one that goes on is not for long", async () => {
  engine.containers.set("node", node);
  engine.state = "running";
  expect(await nodesRemain(options(), patience)).toBe(true);
  setTimeout(() => {
    engine.state = "exited";
    setTimeout(() => engine.containers.delete("node"), 50);
  }, 50);
  expect(await nodesRemain(options(), patience)).toBe(false);
});

test("a sweeper that is replaced waits for nothing", async () => {
  const sweeper = { ...node, "com.docker.compose.service": "sweeper" };
  engine.containers.set("node", node).set("old", sweeper).set("new", sweeper);
  engine.state = "running";
  const started = performance.now();
  expect(await nodesRemain(options(), { ...patience, runningMs: 20_000 })).toBe(true);
  expect(performance.now() - started).toBeLessThan(10_000);
});

test("what the engine refuses is an error", async () => {
  engine.answer = () => ({ status: 500, body: { message: "disk on fire" } });
  await expect(sweepNodes(options())).rejects.toThrow("disk on fire");
});
