import { createSocket } from "node:dgram";
import fc from "fast-check";
import { createLogger } from "@coracle/shared/log.ts";
import { describe, expect, test } from "vitest";
import { cidrContains, gatewayOf, parseAddress, parseCidr, printAddress } from "./cidr.ts";
import { startDnsRelay } from "./dns-relay.ts";
import { createIpam } from "./ipam.ts";
import { isPodLink, linkName } from "./pod-link.ts";
import { nodeRules } from "./rules.ts";

describe("addresses", () => {
  test("print what was parsed", () =>
    fc.assert(fc.property(fc.ipV4(), (ip) => printAddress(parseAddress(ip)) === ip)));
  test("a range knows its gateway and its members", () => {
    const cidr = parseCidr("10.244.7.0/24");
    expect(gatewayOf(cidr)).toBe("10.244.7.1");
    expect(cidrContains(cidr, "10.244.7.255")).toBe(true);
    expect(cidrContains(cidr, "10.244.8.0")).toBe(false);
    expect(() => parseCidr("fd00::/64")).toThrow("not an IPv4 range");
  });
});

describe("the node's addresses", () => {
  test("a pod keeps its address, a released one is given out again last", () => {
    const ipam = createIpam("10.244.7.0/29");
    expect(ipam.allocate("a")).toBe("10.244.7.2");
    expect(ipam.allocate("a")).toBe("10.244.7.2");
    ipam.release("a");
    expect(ipam.allocate("b")).toBe("10.244.7.3");
  });
  test("they run out", () => {
    const ipam = createIpam("10.244.7.0/29");
    for (let i = 0; i < 5; i++) ipam.allocate(`p${i}`);
    expect(() => ipam.allocate("more")).toThrow("no IP addresses available in range 10.244.7.0/29");
  });
  test("what runs already keeps what it has", () => {
    const ipam = createIpam("10.244.7.0/24");
    expect(ipam.claim("old", "10.244.7.2")).toBe(true);
    expect(ipam.claim("other", "10.244.7.2")).toBe(false);
    expect(ipam.claim("other", "10.244.9.2")).toBe(false);
    expect(ipam.allocate("new")).toBe("10.244.7.3");
  });
  test("no two pods ever have the same", () => {
    const operations = fc.array(fc.tuple(fc.constantFrom("allocate", "release"), fc.nat(30)), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(operations, (list) => {
        const ipam = createIpam("10.244.7.0/27");
        const held = new Map<string, string>();
        for (const [operation, n] of list) {
          const uid = `p${n}`;
          if (operation === "release") {
            ipam.release(uid);
            held.delete(uid);
          } else if (held.size < 29 || held.has(uid)) held.set(uid, ipam.allocate(uid));
          expect(new Set(held.values()).size).toBe(held.size);
          expect(ipam.used).toBe(held.size);
        }
      }),
    );
  });
});

test("interface names fit, and are known again", () => {
  const name = linkName("0e2ba9ab-3f5e-4d64-9e7c-2c4b8ea2ac11");
  expect(name.length).toBeLessThanOrEqual(15);
  expect(isPodLink(name)).toBe(true);
  expect(isPodLink("veth1234")).toBe(false);
});

test("host ports lead to pods, by address where one is named", () => {
  const text = nodeRules(
    {
      podCidr: "10.244.0.0/16",
      serviceCidr: "10.96.0.0/16",
      nodesSubnet: "172.30.0.0/24",
      nodeAddresses: ["172.30.0.4"],
      apiPort: 6443,
    },
    [
      { protocol: "tcp", port: 80, hostIP: "", address: "10.244.1.2", containerPort: 8080 },
      { protocol: "udp", port: 53, hostIP: "127.0.0.1", address: "10.244.1.3", containerPort: 53 },
    ],
  );
  expect(text).toMatch(/hook forward.*\n.*\n\s+ip daddr 10\.96\.0\.0\/16 reject/);
  expect(text).toMatch(/hook output priority filter;\n\s+ip daddr 10\.96\.0\.0\/16 reject/);
  expect(text).toContain("elements = { tcp . 80 : 10.244.1.2 . 8080 }");
  expect(text).toContain("elements = { 127.0.0.1 . udp . 53 : 10.244.1.3 . 53 }");
  expect(text).toContain("elements = { 10.244.1.3 . 10.244.1.3, 10.244.1.2 . 10.244.1.2 }");
  expect(text).toContain("ip saddr . ip daddr @hairpins masquerade");
  expect(text.startsWith("table ip coracle_node\ndelete table ip coracle_node\n")).toBe(true);
});

test("the relay passes questions on and answers back to who asked", async () => {
  const stop = new AbortController();
  const resolver = createSocket("udp4");
  resolver.on("message", (question, asker) =>
    resolver.send(Buffer.concat([Buffer.from("re:"), question]), asker.port, asker.address),
  );
  await new Promise<void>((resolve) => resolver.bind(0, "127.0.0.1", resolve));
  const upstreamPort = resolver.address().port;
  const port = 20_000 + (process.pid % 20_000);
  await startDnsRelay({
    address: "127.0.0.1",
    upstream: "127.0.0.1",
    port,
    upstreamPort,
    log: createLogger("test"),
    signal: stop.signal,
  });
  const ask = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = createSocket("udp4");
      socket.on("message", (answer) => {
        socket.close();
        resolve(answer.toString());
      });
      socket.send(text, port, "127.0.0.1");
    });
  expect(await Promise.all(["a", "b", "c"].map(ask))).toEqual(["re:a", "re:b", "re:c"]);
  stop.abort();
  resolver.close();
});
