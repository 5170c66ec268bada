import { badRequest, type Status } from "@coracle/shared/errors.ts";
import { channel, type RemoteCommandClient } from "./channels.ts";
import type { SpdyConnection, SpdyStream } from "./spdy/connection.ts";
import type { CommandStreams } from "./websocket-command.ts";

/** Values of X-Stream-Protocol-Version for exec and attach over SPDY, best first. */
export const commandStreamProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
] as const;

/** How long a client may take to open the streams it announced; upstream's streamCreationTimeout. */
const openTimeoutMs = 30_000;

type StreamName = "error" | "stdin" | "stdout" | "stderr" | "resize";

/** Waits for the streams that the request announced. @throws ApiError 400 when they do not come */
async function collect(
  connection: SpdyConnection,
  expected: ReadonlySet<StreamName>,
): Promise<Map<StreamName, SpdyStream>> {
  const found = new Map<StreamName, SpdyStream>();
  const timer = setTimeout(() => connection.close(), openTimeoutMs);
  try {
    for await (const stream of connection.streams) {
      const name = stream.headers.get("streamtype") as StreamName;
      if (!expected.has(name)) {
        stream.reset();
        continue;
      }
      found.set(name, stream);
      if (found.size === expected.size) return found;
    }
  } finally {
    clearTimeout(timer);
  }
  throw badRequest("timed out waiting for client to create streams");
}

/** A client of exec or attach over SPDY/3.1: one SPDY stream per channel. */
export async function spdyCommandClient(
  connection: SpdyConnection,
  protocol: string,
  wanted: CommandStreams,
): Promise<RemoteCommandClient> {
  const structured = /^v[45]\./.test(protocol);
  const resizable = wanted.tty && /^v[345]\./.test(protocol);
  const expected = new Set<StreamName>(["error"]);
  for (const name of ["stdin", "stdout", "stderr"] as const) if (wanted[name]) expected.add(name);
  if (resizable) expected.add("resize");
  const streams = await collect(connection, expected);
  const outputs = new Map([
    [channel.stdout, streams.get("stdout")],
    [channel.stderr, streams.get("stderr")],
  ] as [number, SpdyStream | undefined][]);

  return {
    closed: connection.closed,
    receive: () => merge(streams.get("stdin"), streams.get("resize")),
    async send(number, data) {
      await outputs.get(number)?.write(data);
    },
    async finish(status: Status) {
      const text = structured
        ? JSON.stringify(status)
        : status.status === "Success"
          ? ""
          : (status.message ?? "");
      const errors = streams.get("error");
      if (text) await errors?.write(Buffer.from(text));
      for (const stream of streams.values()) stream.end();
      connection.close();
    },
  };
}

type Incoming =
  | { readonly channel: number; readonly data: Buffer }
  | { readonly channel: number; readonly closed: true };

async function* stdinOf(stream: SpdyStream): AsyncGenerator<Incoming> {
  for await (const data of stream.incoming) yield { channel: channel.stdin, data };
  yield { channel: channel.stdin, closed: true };
}

/** The resize stream is a sequence of JSON objects that frames may cut anywhere. */
async function* sizesOf(stream: SpdyStream): AsyncGenerator<Incoming> {
  let text = "";
  for await (const data of stream.incoming) {
    text += data.toString();
    for (let end = text.indexOf("}"); end >= 0; end = text.indexOf("}")) {
      yield { channel: channel.resize, data: Buffer.from(text.slice(0, end + 1).trim()) };
      text = text.slice(end + 1);
    }
  }
}

async function* merge(
  stdin: SpdyStream | undefined,
  resize: SpdyStream | undefined,
): AsyncGenerator<Incoming> {
  const sources = [...(stdin ? [stdinOf(stdin)] : []), ...(resize ? [sizesOf(resize)] : [])];
  const next = (source: AsyncGenerator<Incoming>) => source.next().then((result) => ({ source, result }));
  const pending = new Map(sources.map((source) => [source, next(source)]));
  while (pending.size > 0) {
    const { source, result } = await Promise.race(pending.values());
    if (result.done) pending.delete(source);
    else {
      pending.set(source, next(source));
      yield result.value;
    }
  }
}
