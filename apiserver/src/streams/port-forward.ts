import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import type { SpdyConnection, SpdyStream } from "./spdy/connection.ts";

export const portForwardProtocol = "portforward.k8s.io";

/** Channel numbers of a port-forward session towards the node. */
const up = 0;
const down = 1;
const failure = 3;

/** How long the second stream of a pair may take; upstream's streamCreationTimeout. */
const pairTimeoutMs = 30_000;

/** Opens one connection to a port of the pod. */
export type OpenPort = (port: number) => Promise<DuplexChannels>;

interface Pair {
  error?: SpdyStream;
  data?: SpdyStream;
  timer?: NodeJS.Timeout;
}

/** Serves port-forward over SPDY: for each connection the client opens an `error` and a `data` stream with one request id. */
export async function forwardOverSpdy(connection: SpdyConnection, openPort: OpenPort): Promise<void> {
  const pairs = new Map<string, Pair>();
  for await (const stream of connection.streams) {
    const kind = stream.headers.get("streamtype");
    const id = stream.headers.get("requestid") ?? String(kind === "data" ? stream.id - 2 : stream.id);
    if (kind !== "error" && kind !== "data") {
      stream.reset();
      continue;
    }
    const pair = pairs.get(id) ?? {};
    pairs.set(id, pair);
    pair[kind] = stream;
    pair.timer ??= setTimeout(() => {
      pairs.delete(id);
      pair.error?.reset();
      pair.data?.reset();
    }, pairTimeoutMs).unref();
    if (pair.error && pair.data) {
      clearTimeout(pair.timer);
      pairs.delete(id);
      void forwardPair(pair.data, pair.error, openPort);
    }
  }
}

async function forwardPair(data: SpdyStream, errors: SpdyStream, openPort: OpenPort): Promise<void> {
  const port = Number(data.headers.get("port"));
  try {
    const problem = await pipe(data, port, openPort);
    if (problem) await errors.write(Buffer.from(problem));
  } catch (error) {
    await errors.write(Buffer.from(`error forwarding port ${port}: ${(error as Error).message}`));
  }
  errors.end();
  data.end();
}

/** @returns the node's failure text, if it had one */
async function pipe(data: SpdyStream, port: number, openPort: OpenPort): Promise<string> {
  if (!(port > 0 && port < 65536)) return `"port" header must be > 0 and < 65536`;
  const node = await openPort(port);
  const upstream = async (): Promise<void> => {
    for await (const chunk of data.incoming) await node.send(up, chunk);
    node.closeSend(up);
  };
  void upstream().catch(() => node.end());
  let problem = "";
  for await (const message of node.receive()) {
    if ("closed" in message) {
      if (message.channel === down) data.end();
    } else if (message.channel === down) await data.write(Buffer.from(message.data));
    else if (message.channel === failure) problem += Buffer.from(message.data).toString();
  }
  return problem;
}
