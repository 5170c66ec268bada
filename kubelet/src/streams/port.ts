import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";

const up = 0;
const down = 1;
const failure = 3;

/** A byte stream to a port: what is written to `input` goes there, what comes from there is read from `output`. */
interface PortStream {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves to the reason when it failed, else to undefined, once both directions have ended. */
  readonly problem: Promise<string | undefined>;
  close(): void;
}

/**
 * Connects inside the network namespace of process `pid`, where `localhost` is the pod's: what listens on its loopback only is
 * reached too. IPv4 first, then IPv6, as a pod's server may choose either.
 */
export function openInNamespace(pid: number, port: number): PortStream {
  const child = spawn(
    "nsenter",
    ["--target", String(pid), "--net", "--", "socat", "-", `TCP:localhost:${port},connect-timeout=10`],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  let complaint = "";
  child.stderr.on("data", (d: Buffer) => (complaint = (complaint + d.toString()).slice(-1_000)));
  const problem = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) =>
      resolve(code === 0 || code === null ? undefined : complaint.trim() || `exit code ${code}`),
    );
  });
  return { input: child.stdin, output: child.stdout, problem, close: () => child.kill() };
}

const connectTimeoutMs = 30_000;
/** Why a connection failed, in the words that clients of upstream look for. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ECONNRESET: "read: connection reset by peer",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
};

/** Connects to an address that the node routes. */
export const openAddress = (host: string, port: number): PortStream =>
  streamOf(connect({ host, port, allowHalfOpen: true }), host, port);

/** The kubelet's own HTTP server, which any process in the node's network may ask. */
export interface OwnServer {
  open(): PortStream;
  /** The same, as a socket. */
  connect(): Socket;
  /** Whether a connection was opened here: who comes this way has been authorized by the API server. */
  readonly isOurs: (socket: Pick<Socket, "remoteAddress" | "remotePort">) => boolean;
}

const loopback = "127.0.0.1";

export function createOwnServer(port: number): OwnServer {
  const open = new Set<number>();
  const dial = (): Socket => {
    const socket = connect({ host: loopback, port, allowHalfOpen: true });
    // Known before the first byte is sent, and until nobody else can have the port.
    socket.once("connect", () => {
      const { localPort } = socket;
      if (localPort === undefined) return;
      open.add(localPort);
      socket.once("close", () => open.delete(localPort));
    });
    return socket;
  };
  return {
    open: () => streamOf(dial(), loopback, port),
    connect: dial,
    isOurs: ({ remoteAddress, remotePort }) => remoteAddress === loopback && open.has(remotePort ?? 0),
  };
}

function streamOf(socket: Socket, host: string, port: number): PortStream {
  socket.setTimeout(connectTimeoutMs, () =>
    socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
  );
  socket.once("connect", () => socket.setTimeout(0));
  const problem = new Promise<string | undefined>((resolve) => {
    socket.on("error", (error: NodeJS.ErrnoException) =>
      resolve(`dial tcp ${host}:${port}: ${reasons[error.code ?? ""] ?? error.message}`),
    );
    socket.on("close", () => resolve(undefined));
  });
  return { input: socket, output: socket, problem, close: () => socket.destroy() };
}

/** Joins a session with a port until both directions have ended. What went wrong is told as text on the error channel. */
export async function servePort(stream: PortStream, channels: DuplexChannels): Promise<void> {
  stream.input.on("error", () => undefined);
  channels.aborted.addEventListener("abort", () => stream.close(), { once: true });
  const upstream = async (): Promise<void> => {
    for await (const message of channels.receive()) {
      if (message.channel !== up) continue;
      if ("closed" in message) stream.input.end();
      else if (stream.input.writable && !stream.input.write(message.data))
        await Promise.race([once(stream.input, "drain"), once(stream.input, "close")]);
    }
  };
  upstream().catch(() => stream.close());
  try {
    for await (const data of stream.output) await channels.send(down, data as Buffer);
    channels.closeSend(down);
  } catch {
    // The reason is in `problem`.
    stream.close();
  }
  const problem = await stream.problem;
  if (problem && !channels.aborted.aborted) await channels.send(failure, Buffer.from(problem));
}
