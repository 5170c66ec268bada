import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { ResourceClaim } from "@coracle/shared/api/generated/resource-v1.ts";
import { resourceClaims } from "@coracle/shared/api/resources.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startFakeDriver, type FakeDriver } from "../testing/fake-driver.ts";
import { createMemoryClient } from "../testing/memory-client.ts";
import { deviceOf, withLast } from "./edits.ts";
import { editsFor } from "./cdi.ts";
import { openClaimRecords } from "./claims.ts";
import { createDeviceManager, type DeviceManager } from "./manager.ts";
import { createPlugins, type Plugins } from "./plugins.ts";
import { followSockets } from "./sockets.ts";

const name = "gpu.example.com";
const log = createLogger("test");
log.level = "silent";
const signal = AbortSignal.timeout(60_000);

let directory: string;
let driver: FakeDriver;
let plugins: Plugins;
let gone: string[];
let stop: AbortController;
const client = createMemoryClient();

const startDriver = (more: object = {}): Promise<FakeDriver> =>
  startFakeDriver({
    name,
    socket: join(directory, "registry", "reg.sock"),
    devices: (claim) => [
      {
        requestNames: ["gpu"],
        poolName: "p",
        deviceName: "d",
        cdiDeviceIds: [`example.com/gpu=${claim.name}`],
      },
    ],
    ...more,
  });
const manager = async (): Promise<DeviceManager> =>
  createDeviceManager({
    client,
    plugins,
    records: await openClaimRecords(join(directory, "claims.json"), log),
  });

beforeEach(async () => {
  // Longer than the kernel allows for the path of a socket.
  directory = join(await mkdtemp(join(tmpdir(), "devices-")), "d".repeat(60));
  await mkdir(join(directory, "registry"), { recursive: true });
  gone = [];
  stop = new AbortController();
  plugins = createPlugins({
    place: (path) => Promise.resolve(path),
    onRegistered: () => undefined,
    onGone: (d) => gone.push(d),
    log,
    goneAfterMs: 50,
  });
  driver = await startDriver();
});
afterEach(async () => {
  stop.abort();
  plugins.close();
  await driver.close();
  await rm(directory, { recursive: true, force: true });
});
const registered = async (): Promise<void> => {
  await followSockets(join(directory, "registry"), plugins, log, stop.signal);
  await vi.waitFor(() => expect(driver.answers).toEqual([{ pluginRegistered: true, error: "" }]));
};

const pod = (podName: string, ...claims: string[]): Pod => ({
  metadata: { name: podName, namespace: "ns", uid: `uid-${podName}` },
  spec: {
    containers: [],
    resourceClaims: claims.map((claim) => ({ name: `my-${claim}`, resourceClaimName: claim })),
  },
});
const putClaim = (claimName: string, ...users: string[]): void => {
  const claim: ResourceClaim = {
    metadata: { name: claimName, namespace: "ns", uid: `uid-${claimName}` },
    spec: {},
    status: {
      allocation: { devices: { results: [{ request: "gpu", driver: name, pool: "p", device: "d" }] } },
      reservedFor: users.map((user) => ({ resource: "pods", name: user, uid: `uid-${user}` })),
    },
  };
  client.put(resourceClaims, claim);
};

test("a driver is found by its socket, and missed when that is gone for long", async () => {
  await registered();
  expect(plugins.of(name)?.service).toBe("v1");
  await driver.close();
  await rm(join(directory, "registry", "reg.sock"), { force: true });
  await vi.waitFor(() => expect(plugins.of(name)).toBeUndefined());
  await vi.waitFor(() => expect(gone).toEqual([name]));
});

test("a driver that was killed is missed though its socket is still there", async () => {
  await registered();
  await driver.close();
  await vi.waitFor(() => expect(gone).toEqual([name]));
});

test("what is no driver is told so", async () => {
  const other = await startDriver({ type: "CSIPlugin", socket: join(directory, "registry", "other.sock") });
  await expect(plugins.register(join(directory, "registry", "other.sock"))).rejects.toThrow(
    "no handler registered for plugin type: CSIPlugin",
  );
  expect(other.answers).toMatchObject([{ pluginRegistered: false }]);
  await other.close();
});

test("a driver without an endpoint serves at the socket of its registration", async () => {
  const socket = join(directory, "registry", "plain.sock");
  const plain = await startDriver({ endpoint: "", socket });
  const placed = createPlugins({
    place: (path) => Promise.resolve(join("/of/the/node", path)),
    onRegistered: () => undefined,
    onGone: () => undefined,
    log,
  });
  await placed.register(socket);
  expect(placed.of(name)?.endpoint).toBe(socket);
  placed.close();
  await plain.close();
});

test("a driver that comes in place of one that does not answer is registered after it", async () => {
  await driver.close();
  const place = join(directory, "registry");
  const path = join(place, "reg.sock");
  let giveUp = (): void => undefined;
  const calls: string[] = [];
  const slow: Plugins = {
    ...plugins,
    register() {
      calls.push("register");
      if (calls.length > 1) return Promise.resolve();
      return new Promise((_, reject) => (giveUp = () => reject(new Error("no answer"))));
    },
    deregister: () => void calls.push("deregister"),
  };
  const first = createServer().listen(path);
  await followSockets(place, slow, log, stop.signal);
  await vi.waitFor(() => expect(calls).toEqual(["register"]));
  first.close();
  const second = createServer().listen(path);
  await vi.waitFor(() => expect(calls).toEqual(["register", "deregister"]));
  giveUp();
  await vi.waitFor(() => expect(calls.at(-1)).toBe("register"));
  expect(calls).toEqual(["register", "deregister", "deregister", "register"]);
  second.close();
});

test("devices are prepared once for all pods that share them, and given back after the last, over a restart", async () => {
  putClaim("a", "one", "two");
  putClaim("b", "one");
  const first = await manager();
  await expect(first.prepare(pod("one", "a", "b"), signal)).rejects.toThrow(
    `DRA driver ${name} is not registered`,
  );
  await registered();
  driver.error = "no power";
  await expect(first.prepare(pod("one", "a", "b"), signal)).rejects.toThrow(
    "NodePrepareResources failed for ResourceClaim a: no power",
  );
  driver.error = "";
  driver.calls.length = 0;
  await Promise.all([first.prepare(pod("one", "a", "b"), signal), first.prepare(pod("two", "a"), signal)]);
  expect(driver.calls).toEqual(["NodePrepareResources a b"]);
  const claims = [{ name: "my-a" }, { name: "my-b", request: "other" }];
  expect(first.cdiIds(pod("one", "a", "b"), { name: "c", resources: { claims } })).toEqual([
    "example.com/gpu=a",
  ]);

  const second = await manager();
  expect([...second.users()]).toEqual(["uid-one", "uid-two"]);
  await second.prepare(pod("one", "a", "b"), signal);
  expect([second.holds("uid-one"), second.holds("uid-three")]).toEqual([true, false]);
  await second.unprepare("uid-one");
  expect(second.holds("uid-one")).toBe(false);
  await second.unprepare("uid-two");
  expect(driver.calls.slice(1)).toEqual(["NodeUnprepareResources b", "NodeUnprepareResources a"]);
  expect([...(await manager()).users()]).toEqual([]);
});

test("a claim is for whom it is reserved", async () => {
  putClaim("c", "somebody");
  await expect((await manager()).prepare(pod("one", "c"), signal)).rejects.toThrow(
    "pod one(uid-one) is not allowed to use ResourceClaim c(uid-c)",
  );
});

test("of several things at one place the last counts", () => {
  const at = (target: string, n: number) => ({ target, n });
  expect(withLast([at("/a", 1), at("/b", 2), at("/a", 3)])).toEqual([at("/a", 3), at("/b", 2)]);
});

test("what CDI files say of devices", async () => {
  const [etc, run] = [join(directory, "etc"), join(directory, "run")];
  await Promise.all([mkdir(etc), mkdir(run)]);
  const spec = (value: string) => ({
    cdiVersion: "0.6.0",
    kind: "example.com/gpu",
    containerEdits: { env: ["ALL=1"] },
    devices: [
      { name: "a", containerEdits: { env: [`A=${value}`], deviceNodes: [{ path: "/dev/a" }] } },
      { name: "b", containerEdits: { mounts: [{ hostPath: "/x", containerPath: "/y" }] } },
    ],
  });
  await writeFile(join(etc, "gpu.json"), JSON.stringify(spec("old")));
  await writeFile(join(run, "gpu.json"), JSON.stringify(spec("new")));
  await writeFile(join(run, "broken.yaml"), "{");
  await writeFile(join(run, "a.json"), JSON.stringify({ kind: "example.com/gpu", devices: { a: {} } }));
  await writeFile(join(run, "b.json"), JSON.stringify({ kind: "example.com/gpu", devices: [null] }));
  execFileSync("mkfifo", [join(run, "pipe.json")]);
  const edits = (...ids: string[]) =>
    editsFor(ids, ["/etc", "/run"], (p) => Promise.resolve(join(directory, p)));
  expect(await edits("example.com/gpu=a", "example.com/gpu=b", "example.com/gpu=a")).toEqual([
    { env: ["ALL=1"] },
    { env: ["A=new"], deviceNodes: [{ path: "/dev/a" }] },
    { mounts: [{ hostPath: "/x", containerPath: "/y" }] },
  ]);
  await expect(edits("example.com/gpu=c")).rejects.toThrow("unresolvable CDI devices example.com/gpu=c");
});

test("a device of the machine is one in /dev", async () => {
  const find = (path: string) =>
    deviceOf({ path }, (p) => Promise.resolve({ here: join(directory, p), engine: `/engine${p}` }));
  for (const path of ["/dev/gpu0", "/dev/dri/card..0"])
    expect(await find(path)).toEqual({ source: path, target: path, permissions: "rwm" });
  for (const path of ["/dev", "/dev/", "/dev/.", "/dev/./", "/dev/dri/", "/dev/../etc/passwd", "/etc/passwd"])
    await expect(find(path)).rejects.toThrow(`${path} is no device`);
});
