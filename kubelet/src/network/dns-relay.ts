/**
 * The node's resolver for pods. Inside of a container it is the engine's, on a loopback address that a pod's own network does not
 * lead to; so the node answers on its bridge and asks there. Datagrams and connections are passed on unread.
 */
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { createServer, connect } from "node:net";
import type { Logger } from "@coracle/shared/log.ts";

export interface DnsRelayOptions {
  /** The node's address on the bridge. */
  readonly address: string;
  /** The resolver, as this process reaches it. */
  readonly upstream: string;
  readonly port?: number | undefined;
  readonly upstreamPort?: number | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const PORT = 53;
const ANSWER_MS = 10_000;
/** Questions under way at a time; more are dropped, as a busy resolver does. */
const MAX_QUESTIONS = 500;

/** Listens until the signal aborts. Rejects when the address is taken. */
export async function startDnsRelay(options: DnsRelayOptions): Promise<void> {
  await Promise.all([relayDatagrams(options), relayConnections(options)]);
}

function relayDatagrams({ address, upstream, log, signal, ...ports }: DnsRelayOptions): Promise<void> {
  const server = createSocket("udp4");
  let open = 0;
  server.on("message", (question, asker) => {
    if (open >= MAX_QUESTIONS) return;
    open += 1;
    // A socket for each question: the answer comes back to the port it left from.
    const socket: Datagrams = createSocket("udp4");
    let done = false;
    const end = (): void => {
      if (done) return;
      done = true;
      open -= 1;
      clearTimeout(timer);
      socket.close();
    };
    const timer = setTimeout(end, ANSWER_MS);
    socket.on("error", end);
    socket.on("message", (answer) => {
      server.send(answer, asker.port, asker.address);
      end();
    });
    socket.send(question, ports.upstreamPort ?? PORT, upstream);
  });
  signal.addEventListener("abort", () => server.close(), { once: true });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.bind(ports.port ?? PORT, address, () => {
      server.off("error", reject);
      server.on("error", (error) => log.warn({ err: error }, "the resolver for pods failed"));
      resolve();
    });
  });
}

function relayConnections({ address, upstream, log, signal, ...ports }: DnsRelayOptions): Promise<void> {
  const server = createServer((client) => {
    const resolver = connect(ports.upstreamPort ?? PORT, upstream);
    for (const socket of [client, resolver]) {
      socket.setTimeout(ANSWER_MS, () => socket.destroy());
      socket.on("error", () => socket.destroy());
    }
    client.on("close", () => resolver.destroy());
    resolver.on("close", () => client.destroy());
    client.pipe(resolver).pipe(client);
  });
  server.maxConnections = MAX_QUESTIONS;
  signal.addEventListener("abort", () => server.close(), { once: true });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(ports.port ?? PORT, address, () => {
      server.off("error", reject);
      server.on("error", (error) => log.warn({ err: error }, "the resolver for pods failed"));
      resolve();
    });
  });
}
