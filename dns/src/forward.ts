import { createSocket } from "node:dgram";
import { randomInt } from "node:crypto";
import { connect } from "node:net";
import { readFileSync } from "node:fs";
import dnsPacket, { type DecodedPacket, type Packet } from "dns-packet";
import type { Forward } from "./resolver.ts";

const attemptMs = 2_000;
/** Seconds an outside answer is kept at most; how long one with no word on it; and how many are kept. */
const maxTtl = 30;
const wordlessTtl = 5;
const cacheEntries = 10_000;

/** `nameserver` lines of a resolv.conf. */
export const nameservers = (text: string): string[] =>
  [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((m) => m[1] ?? "");
export const systemNameservers = (file = "/etc/resolv.conf"): string[] =>
  nameservers(readFileSync(file, "utf8"));

const unreadable = (server: string, cause: unknown): Error =>
  new Error(`${server} sent what cannot be read`, { cause });

function askUdp(server: string, port: number, query: DecodedPacket): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const id = randomInt(65536);
    // A fresh socket for each query has a fresh source port, which an off-path forger would have to guess too.
    const socket = createSocket(server.includes(":") ? "udp6" : "udp4");
    const finish = (error?: Error, answer?: DecodedPacket): void => {
      clearTimeout(timer);
      socket.close();
      if (answer) resolve(answer);
      else reject(error ?? new Error("no answer"));
    };
    const timer = setTimeout(() => finish(new Error(`${server} did not answer`)), attemptMs);
    socket.on("error", (error) => finish(error));
    socket.on("message", (message) => {
      try {
        const answer = dnsPacket.decode(message);
        if (answer.id === id) finish(undefined, answer);
      } catch (error) {
        finish(unreadable(server, error));
      }
    });
    socket.connect(port, server, () =>
      socket.send(dnsPacket.encode({ ...query, id, type: "query", flags: dnsPacket.RECURSION_DESIRED })),
    );
  });
}

function askTcp(server: string, port: number, query: DecodedPacket): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port, timeout: attemptMs });
    const parts: Buffer[] = [];
    socket.on("connect", () =>
      socket.write(
        dnsPacket.streamEncode({
          ...query,
          id: randomInt(65536),
          type: "query",
          flags: dnsPacket.RECURSION_DESIRED,
        }),
      ),
    );
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      const all = Buffer.concat(parts);
      if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) return;
      try {
        resolve(dnsPacket.streamDecode(all) as DecodedPacket);
      } catch (error) {
        reject(unreadable(server, error));
      }
      socket.destroy();
    });
    socket.on("timeout", () => socket.destroy(new Error(`${server} did not answer`)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`${server} closed the connection`)));
  });
}

const noError = 0;
const nameError = 3;

/** Seconds an answer may be kept; that there is none, for as long as its zone says (RFC 2308). A failure is not kept. */
export function keptFor({ flags = 0, answers = [], authorities = [] }: Packet): number {
  const rcode = flags & 0xf;
  if (rcode !== noError && rcode !== nameError) return 0;
  const ttls = answers.flatMap((a) => ("ttl" in a && a.ttl !== undefined ? [a.ttl] : []));
  if (answers.length > 0) return Math.min(maxTtl, ...ttls);
  const zone = authorities.find((a) => a.type === "SOA");
  return zone ? Math.min(maxTtl, zone.ttl ?? 0, zone.data.minimum ?? 0) : wordlessTtl;
}

interface Entry {
  readonly answer: Promise<DecodedPacket>;
  until: number;
}

/**
 * Forwards to the given resolvers in turn, over TCP when an answer was truncated. Equal questions share one request, and answers are
 * kept for their time to live, 30 s at most.
 */
export function createForwarder(
  servers: readonly string[],
  options: { port?: number; now?: () => number } = {},
): Forward {
  const { port = 53, now = Date.now } = options;
  const cache = new Map<string, Entry>();

  const ask = async (query: DecodedPacket): Promise<DecodedPacket> => {
    let last: unknown = new Error("there is no resolver outside the cluster");
    for (const server of servers) {
      try {
        const answer = await askUdp(server, port, query);
        return answer.flag_tc ? await askTcp(server, port, query) : answer;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };

  return async (query) => {
    const [question] = query.questions ?? [];
    const key = `${question?.name.toLowerCase()} ${question?.type}`;
    const hit = cache.get(key);
    if (hit && hit.until > now()) return hit.answer;
    const entry: Entry = { answer: ask({ ...query, additionals: [] }), until: Infinity };
    cache.delete(key);
    cache.set(key, entry);
    if (cache.size > cacheEntries) cache.delete(cache.keys().next().value ?? "");
    try {
      const answer = await entry.answer;
      entry.until = now() + keptFor(answer) * 1000;
      return answer;
    } catch (error) {
      cache.delete(key);
      throw error;
    }
  };
}
