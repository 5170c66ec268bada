import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Service, ServicePort, ServiceSpec } from "@coracle/shared/api/generated/core-v1.ts";
import { emptyFragment, fragmentFor, type Fragment } from "../rules.ts";
import { createNftablesBackend, table } from "./nftables.ts";

/** The image that the proxy runs in, with its nft. */
const IMAGE = "coracle/runtime:dev";
let container = "";

beforeAll(async () => {
  const flags = ["--detach", "--rm", "--network=none", "--cap-add=NET_ADMIN", "--entrypoint=sleep"];
  const { stdout } = await promisify(execFile)("docker", ["run", ...flags, IMAGE, "300"]);
  container = stdout.trim();
});
afterAll(() => promisify(execFile)("docker", ["rm", "--force", container]));

function nft(commands: string, ...flags: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("docker", ["exec", "--interactive", container, "nft", ...flags, "-f", "-"]);
    let [listing, complaint] = ["", ""];
    child.stdout.on("data", (d: Buffer) => (listing += d.toString()));
    child.stderr.on("data", (d: Buffer) => (complaint += d.toString()));
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(listing) : reject(new Error(complaint))));
    child.stdin.end(commands);
  });
}

/** What the kernel has for itself of the machine's memory, in kB: sets are no process's. */
async function unreclaimable(): Promise<number> {
  const { stdout } = await promisify(execFile)("docker", ["exec", container, "cat", "/proc/meminfo"]);
  return Number(/SUnreclaim:\s+(\d+)/.exec(stdout)?.[1]);
}

const port = (more: Partial<ServicePort> = {}): ServicePort => ({
  name: "http",
  protocol: "TCP",
  port: 80,
  ...more,
});
const ports = [port(), port({ name: "dns", protocol: "UDP" }), port({ name: "signal", protocol: "SCTP" })];
const withNodePorts = (first: number) => ports.map((p, i) => ({ ...p, nodePort: first + i }));

let services = 0;
function service(spec: ServiceSpec, given?: { name: string; namespace: string }, balancers: string[] = []) {
  services += 1;
  const { name, namespace } = given ?? { name: `web-${services}`, namespace: "shop" };
  const clusterIP = `10.96.0.${services}`;
  const made: Service = {
    metadata: { name, namespace },
    spec: { clusterIP, clusterIPs: [clusterIP], ports, ...spec },
    status: { loadBalancer: { ingress: balancers.map((ip) => ({ ip })) } },
  };
  return made;
}

/** What one node makes of it, with an endpoint on each of these nodes. */
function fragment(made: Service, ...nodes: string[]): Fragment {
  const slice = {
    metadata: { name: "s" },
    addressType: "IPv4",
    endpoints: nodes.map((nodeName, i) => ({
      addresses: [`10.244.${1 + (i >> 8)}.${i % 256}`],
      nodeName,
      conditions: {},
    })),
    ports:
      made.spec?.ports?.map((p) => ({ name: p.name ?? "", protocol: p.protocol ?? "", port: 65_535 })) ?? [],
  };
  return fragmentFor(made, [slice], { node: { name: "here", zone: "" }, podCidr: "10.244.0.0/16" });
}

const sticky: ServiceSpec = {
  sessionAffinity: "ClientIP",
  sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_400 } },
};
const longest = { namespace: "n".repeat(63), name: "s".repeat(63) };
const longPorts = [port({ name: "p".repeat(15), nodePort: 30_090, port: 65_535 })];

const local: ServiceSpec = { externalTrafficPolicy: "Local", internalTrafficPolicy: "Local" };
const balanced: ServiceSpec = {
  type: "LoadBalancer",
  loadBalancerSourceRanges: ["192.0.2.0/24", "198.51.100.7/32", "10.1.2.3/8", "2001:db8::/32"],
  ports: withNodePorts(30_040),
};

/** One of each kind there is, and where its endpoints are. */
const kinds: readonly (readonly [Service, ...string[]])[] = [
  [service({}), "here", "there"],
  [service({ ...sticky, externalIPs: ["192.0.2.7"] }), "here", "there"],
  [service({ type: "NodePort", ports: withNodePorts(30_000) }), "there"],
  [service({ ...local, type: "NodePort", ports: withNodePorts(30_010) }), "here", "there"],
  [service({ ...local, ...sticky, type: "NodePort", ports: withNodePorts(30_020) }), "here"],
  [service({ ...local, externalIPs: ["192.0.2.8"] }), "there"],
  [service({ ...local, externalIPs: ["192.0.2.9"] })],
  [service({ type: "NodePort", ports: withNodePorts(30_030) })],
  [service(balanced, undefined, ["203.0.113.1", "203.0.113.2"]), "here"],
  [service({ ...sticky, type: "NodePort", ports: longPorts }, longest), "here", "there"],
];

test("the kernel takes every kind of rules, their changes and their end", async () => {
  const backend = createNftablesBackend({ serviceCidr: "10.96.0.0/16", run: nft });
  expect(await backend.isIntact()).toBe(false);
  const before = kinds.map(([made, ...nodes]) => fragment(made, ...nodes));
  await backend.replace(before, ["10.244.1.1"]);
  expect(await backend.isIntact()).toBe(true);
  const listing = await nft(`list table ${table}\n`);
  for (const f of before) for (const name of f.chains.keys()) expect(listing).toContain(name);
  for (const [map, key] of [
    ["services", "203.0.113.1 . tcp . 80"],
    ["firewalls", "203.0.113.2 . sctp . 80"],
    ["node-ports", "udp . 30001"],
    ["refused-services", "192.0.2.9 . tcp . 80"],
    ["refused-node-ports", "tcp . 30030"],
  ] as const)
    expect(await nft(`get element ${table} ${map} { ${key} }\n`)).toContain("goto");

  const none = { added: [], removed: [] };
  const made = before.map((after) => ({ before: emptyFragment, after }));
  const unmade = before.map((f) => ({ before: f, after: emptyFragment }));
  await backend.apply(unmade.slice(0, 5), { added: ["10.244.1.2"], removed: ["10.244.1.1"] });
  await backend.apply(made.slice(0, 5), none);
  const emptied = kinds.map(([service]) => fragment(service));
  await backend.apply(
    before.map((f, i) => ({ before: f, after: emptied[i] ?? emptyFragment })),
    none,
  );
  await backend.apply(
    before.map((f, i) => ({ before: emptied[i] ?? emptyFragment, after: f })),
    none,
  );
  await backend.apply(unmade, none);
  expect(await nft(`list map ${table} services\n`)).not.toContain("goto");
  await backend.replace(before, []);
  await nft(`flush table ${table}\n`);
  expect(await backend.isIntact()).toBe(false);
  await backend.replace(before, []);
  expect(await backend.isIntact()).toBe(true);
  await nft("flush ruleset\n");
  expect(await backend.isIntact()).toBe(false);
  await backend.replace(before, []);
  await backend.cleanUp();
  expect(await backend.isIntact()).toBe(false);
});

test("a thousand endpoints with session affinity are taken without a gigabyte of the kernel's memory", async () => {
  const backend = createNftablesBackend({ serviceCidr: "10.96.0.0/16", run: nft });
  await backend.replace([], []);
  const many = fragment(service({ ...sticky, ports: [port()] }), ...Array<string>(1_000).fill("here"));
  const before = await unreclaimable();
  await backend.apply([{ before: emptyFragment, after: many }], { added: [], removed: [] });
  // Each set with a table for 65,535 clients of its own made a gigabyte.
  expect((await unreclaimable()) - before).toBeLessThan(300_000);
  await backend.cleanUp();
});
