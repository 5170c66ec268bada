import { createSocket } from "node:dgram";
import { connect } from "node:net";
import dnsPacket, { type DecodedPacket, type Packet } from "dns-packet";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createForwarder, keptFor, nameservers } from "./forward.ts";
import { createRecords, type Directory } from "./records.ts";
import { createResolver } from "./resolver.ts";
import { serveDns } from "./server.ts";

const log = pino({ level: "silent" });
const stop = new AbortController();
const many = Array.from({ length: 100 }, (_, i) => `10.244.${i}.1`);
const directory: Directory = {
  service: (_, name) =>
    name === "web"
      ? { metadata: { name, namespace: "shop" }, spec: { clusterIP: "10.96.3.4" } }
      : name === "many"
        ? { metadata: { name, namespace: "shop" }, spec: { clusterIP: "None" } }
        : name === "away"
          ? {
              metadata: { name, namespace: "shop" },
              spec: { type: "ExternalName", externalName: "outside.example" },
            }
          : undefined,
  serviceByAddress: () => undefined,
  slices: () => [{ metadata: {}, addressType: "IPv4", endpoints: many.map((a) => ({ addresses: [a] })) }],
  slicesByAddress: () => [],
  namespaceExists: (name) => name === "shop",
};

/** A resolver outside the cluster, which knows one name and counts its questions. */
let asked = 0;
let port = 0;

function askUdp(
  name: string,
  type: "A" | "AAAA" | "SRV" = "A",
  additionals: Packet["additionals"] = [],
): Promise<DecodedPacket> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.on("message", (m) => {
      socket.close();
      resolve(dnsPacket.decode(m));
    });
    socket.send(
      dnsPacket.encode({
        type: "query",
        id: 7,
        flags: dnsPacket.RECURSION_DESIRED,
        questions: [{ name, type }],
        additionals: additionals ?? [],
      }),
      port,
      "127.0.0.1",
    );
  });
}

beforeAll(async () => {
  const outside = await serveDns(
    0,
    "127.0.0.1",
    async (query) => {
      asked += 1;
      const name = query.questions?.[0]?.name ?? "";
      const answers =
        name === "outside.example" ? [{ type: "A" as const, name, ttl: 60, data: "192.0.2.7" }] : [];
      return {
        type: "response",
        id: query.id ?? 0,
        flags: answers.length ? 0 : 3,
        questions: query.questions ?? [],
        answers,
      };
    },
    log,
    stop.signal,
  );
  const resolve = createResolver({
    records: createRecords(directory, "cluster.local"),
    domain: "cluster.local",
    forward: createForwarder(["127.0.0.1"], { port: outside }),
    serial: () => 1,
    random: () => 0,
  });
  port = await serveDns(0, "127.0.0.1", resolve, log, stop.signal);
});
afterAll(() => stop.abort());

test("a cluster name is answered with authority, in any case of letters", async () => {
  const answer = await askUdp("Web.shop.svc.cluster.LOCAL");
  expect(answer).toMatchObject({
    id: 7,
    rcode: "NOERROR",
    flag_aa: true,
    answers: [{ name: "Web.shop.svc.cluster.LOCAL", type: "A", data: "10.96.3.4" }],
  });
});

test("a name that does not exist is told from one without such a record, both with the zone's SOA", async () => {
  expect(await askUdp("nobody.shop.svc.cluster.local")).toMatchObject({
    rcode: "NXDOMAIN",
    answers: [],
    authorities: [{ type: "SOA" }],
  });
  expect(await askUdp("web.shop.svc.cluster.local", "AAAA")).toMatchObject({
    rcode: "NOERROR",
    answers: [],
    authorities: [{ type: "SOA" }],
  });
});

test("other names are forwarded, and kept", async () => {
  asked = 0;
  for (let i = 0; i < 3; i++)
    expect((await askUdp("outside.example")).answers?.[0]).toMatchObject({ data: "192.0.2.7" });
  expect(asked).toBe(1);
  expect(await askUdp("nowhere.example")).toMatchObject({ rcode: "NXDOMAIN" });
});

test("an ExternalName is followed to its address", async () => {
  expect((await askUdp("away.shop.svc.cluster.local")).answers).toMatchObject([
    { type: "CNAME", data: "outside.example" },
    { type: "A", data: "192.0.2.7" },
  ]);
});

test("an answer that does not fit a datagram is marked, and whole over TCP", async () => {
  expect(await askUdp("many.shop.svc.cluster.local")).toMatchObject({ flag_tc: true, answers: [] });
  const whole = await new Promise<DecodedPacket>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const parts: Buffer[] = [];
    socket.on("data", (d: Buffer) => {
      parts.push(d);
      const all = Buffer.concat(parts);
      if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) {
        socket.destroy();
        resolve(dnsPacket.streamDecode(all) as DecodedPacket);
      }
    });
    socket.write(
      dnsPacket.streamEncode({
        type: "query",
        id: 8,
        questions: [{ name: "many.shop.svc.cluster.local", type: "A" }],
      }),
    );
  });
  expect(whole.answers).toHaveLength(100);
});

test("what is no DNS message gets a format error", async () => {
  const answer = await new Promise<DecodedPacket>((resolve) => {
    const socket = createSocket("udp4");
    socket.on("message", (m) => {
      socket.close();
      resolve(dnsPacket.decode(m));
    });
    socket.send(Buffer.from([1, 2, 3]), port, "127.0.0.1");
  });
  expect(answer).toMatchObject({ id: 258, rcode: "FORMERR" });
});

test("an answer is kept for its time, that there is none for its zone's, and a failure not at all", () => {
  const a = (ttl: number) => ({ type: "A" as const, name: "a.example", ttl, data: "192.0.2.7" });
  const soa = (ttl: number, minimum: number) => ({
    type: "SOA" as const,
    name: "example",
    ttl,
    data: { mname: "ns", rname: "root", minimum },
  });
  expect(keptFor({ flags: 0, answers: [a(20), a(7)] })).toBe(7);
  expect(keptFor({ flags: 0, answers: [a(600)] })).toBe(30);
  expect(keptFor({ flags: 3, authorities: [soa(600, 10)] })).toBe(10);
  expect(keptFor({ flags: 3 })).toBe(5);
  expect(keptFor({ flags: 2 })).toBe(0);
});

test("what a resolver outside says and nobody can read is a failure of that question only", async () => {
  const garbage = createSocket("udp4");
  garbage.on("message", (_, peer) => garbage.send(Buffer.from([0, 1, 2]), peer.port, peer.address));
  await new Promise<void>((resolve) => garbage.bind(0, "127.0.0.1", resolve));
  const forward = createForwarder(["127.0.0.1"], { port: garbage.address().port });
  const query = dnsPacket.decode(
    dnsPacket.encode({ type: "query", id: 1, questions: [{ name: "a.example", type: "A" }] }),
  );
  await expect(forward(query)).rejects.toThrow("sent what cannot be read");
  garbage.close();
});

test("an answer that cannot be written harms no other one", async () => {
  const broken = await serveDns(
    0,
    "127.0.0.1",
    (query) =>
      Promise.resolve({
        type: "response",
        id: query.id ?? 0,
        answers: [
          { type: "A", name: query.questions?.[0]?.name ?? "", data: undefined as unknown as string },
        ],
      }),
    log,
    stop.signal,
  );
  const query = dnsPacket.streamEncode({
    type: "query",
    id: 1,
    questions: [{ name: "a.example", type: "A" }],
  });
  const socket = connect(broken, "127.0.0.1");
  socket.write(query);
  const datagrams = createSocket("udp4");
  datagrams.send(query.subarray(2), broken, "127.0.0.1");
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  datagrams.close();
  expect(await askUdp("Web.shop.svc.cluster.LOCAL")).toMatchObject({ rcode: "NOERROR" });
});

test("resolv.conf names the resolvers", () => {
  expect(
    nameservers("search a b\nnameserver 10.0.0.1\n# nameserver 1.1.1.1\n nameserver  10.0.0.2\n"),
  ).toEqual(["10.0.0.1", "10.0.0.2"]);
});
