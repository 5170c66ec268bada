import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { once } from "node:events";
import dnsPacket, { type DecodedPacket, type Packet } from "dns-packet";
import type { Logger } from "@coracle/shared/log.ts";

const serverFailure = 2;
const refusedFormat = 1;
/** RFC 1035: without EDNS0 a datagram carries 512 bytes. 1232 is what passes everywhere (DNS flag day 2020). */
const plainBytes = 512;
const ednsBytes = 1232;
const idleMs = 10_000;

export type Resolve = (query: DecodedPacket) => Promise<Packet>;

const optOf = (query: Packet): { udpPayloadSize: number } | undefined =>
  query.additionals?.find((a) => a.type === "OPT");

async function answer(
  message: Buffer,
  resolve: Resolve,
  log: Logger,
): Promise<{ query: Packet; response: Packet } | undefined> {
  let query: DecodedPacket;
  try {
    query = dnsPacket.decode(message);
  } catch {
    // Not a DNS message: nothing can be said but that, and only when an id can be read.
    return message.length < 2
      ? undefined
      : {
          query: { questions: [] },
          response: { type: "response", id: message.readUInt16BE(0), flags: refusedFormat },
        };
  }
  if (query.type !== "query") return undefined;
  let response: Packet;
  try {
    response = await resolve(query);
  } catch (error) {
    log.debug({ question: query.questions?.[0]?.name, err: error }, "question not answered");
    response = {
      type: "response",
      id: query.id ?? 0,
      questions: query.questions ?? [],
      flags: dnsPacket.RECURSION_AVAILABLE | serverFailure,
    };
  }
  if (optOf(query)) {
    const opt = {
      type: "OPT",
      name: ".",
      udpPayloadSize: ednsBytes,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    } as const;
    response = { ...response, additionals: [...(response.additionals ?? []), { ...opt, options: [] }] };
  }
  return { query, response };
}

/** A datagram that does not fit is sent without records and marked, so that the client asks again over TCP. */
export function fitDatagram(query: Packet, response: Packet): Buffer {
  const limit = Math.min(ednsBytes, Math.max(plainBytes, optOf(query)?.udpPayloadSize ?? plainBytes));
  const full = dnsPacket.encode(response);
  if (full.length <= limit) return full;
  const additionals = (response.additionals ?? []).filter((a) => a.type === "OPT");
  const slim = dnsPacket.encode({ ...response, additionals });
  if (slim.length <= limit) return slim;
  return dnsPacket.encode({
    ...response,
    answers: [],
    authorities: [],
    additionals,
    flags: (response.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE,
  });
}

/** Serves DNS over UDP and TCP on `port` until `signal` aborts. Resolves when both are bound, to the port (for 0). */
export async function serveDns(
  port: number,
  host: string,
  resolve: Resolve,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  /** An answer that cannot be written, or a sender that cannot be written to, harms nobody else. */
  const unsaid = (error: unknown): void => log.debug({ err: error }, "answer not sent");
  const tcp = createServer((socket) => {
    let pending = Buffer.alloc(0);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const message = pending.subarray(2, end);
        pending = pending.subarray(end);
        answer(message, resolve, log)
          .then((done) => done && !socket.destroyed && socket.write(dnsPacket.streamEncode(done.response)))
          .catch(unsaid);
      }
    });
  });
  tcp.listen(port, host);
  await once(tcp, "listening");
  const bound = (tcp.address() as { port: number }).port;

  const udp = createSocket(host.includes(":") ? "udp6" : "udp4");
  udp.on("message", (message, peer) => {
    answer(message, resolve, log)
      .then((done) => {
        if (done && !signal.aborted)
          udp.send(fitDatagram(done.query, done.response), peer.port, peer.address);
      })
      .catch(unsaid);
  });
  udp.bind(bound, host);
  await once(udp, "listening");
  signal.addEventListener("abort", () => {
    tcp.close();
    udp.close();
  });
  return bound;
}
