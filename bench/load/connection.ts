import { once } from "node:events";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

/**
 * One keep-alive HTTP/1.1 connection over TLS, one request at a time, and nothing that a benchmark does not need: Node's own client
 * costs more per request than the server that is measured.
 */
export interface Connection {
  /** Sends a whole request. @returns the answer's status, once its body is in */
  request(bytes: Buffer): Promise<number>;
  /** Sends a request whose answer does not end, and hands out what comes, headers too. */
  stream(bytes: Buffer, onData: (chunk: Buffer) => void): void;
  close(): void;
}

const headEnd = Buffer.from("\r\n\r\n");
const chunksEnd = Buffer.from("\r\n0\r\n\r\n");

/** Opens a connection; resolves after the handshake. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const socket = connect(options);
  socket.setNoDelay(true);
  await once(socket, "secureConnect");
  return over(socket);
}

interface Pending {
  resolve(status: number): void;
  reject(error: Error): void;
}

function over(socket: TLSSocket): Connection {
  let pending: Pending | undefined;
  let onData: ((chunk: Buffer) => void) | undefined;
  let answer = createAnswer();
  const fail = (error: Error): void => pending?.reject(error);
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the server closed the connection")));
  socket.on("data", (chunk: Buffer) => {
    if (onData) {
      onData(chunk);
      return;
    }
    const status = answer.add(chunk);
    if (status === undefined) return;
    answer = createAnswer();
    const done = pending;
    pending = undefined;
    done?.resolve(status);
  });
  return {
    request(bytes) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      pending = { resolve, reject };
      socket.write(bytes);
      return promise;
    },
    stream(bytes, listener) {
      onData = listener;
      socket.write(bytes);
    },
    close: () => socket.destroy(),
  };
}

/** Collects one answer: by content-length, or chunked, whose end is looked for where it must be. */
function createAnswer(): { add(chunk: Buffer): number | undefined } {
  let head: Buffer = Buffer.alloc(0);
  let status: number | undefined;
  let left = 0;
  let tail: Buffer | undefined;
  const body = (chunk: Buffer): number | undefined => {
    if (tail) {
      tail = Buffer.concat([tail, chunk.subarray(-chunksEnd.length)]).subarray(-chunksEnd.length);
      return tail.equals(chunksEnd) ? status : undefined;
    }
    left -= chunk.length;
    return left <= 0 ? status : undefined;
  };
  return {
    add(chunk) {
      if (status !== undefined) return body(chunk);
      head = head.length > 0 ? Buffer.concat([head, chunk]) : chunk;
      const end = head.indexOf(headEnd);
      if (end < 0) return undefined;
      const text = head.toString("latin1", 0, end);
      status = Number(text.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
      if (length === undefined) tail = Buffer.alloc(0);
      else left = Number(length);
      return body(head.subarray(end + headEnd.length));
    },
  };
}
