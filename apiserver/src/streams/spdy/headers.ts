import { constants, createDeflate, createInflate, type Deflate, type Inflate } from "node:zlib";
import { dictionary } from "./dictionary.ts";

/** Header names are lower case on the wire; several values of one name are joined by NUL, of which the first is kept. */
export type SpdyHeaders = ReadonlyMap<string, string>;

const maxBlockBytes = 64 * 1024;

function encode(headers: SpdyHeaders): Buffer {
  const parts: Buffer[] = [];
  const number = (n: number): void => {
    const b = Buffer.alloc(4);
    b.writeUInt32BE(n);
    parts.push(b);
  };
  const text = (s: string): void => {
    const b = Buffer.from(s);
    number(b.length);
    parts.push(b);
  };
  number(headers.size);
  for (const [name, value] of headers) {
    text(name);
    text(value);
  }
  return Buffer.concat(parts);
}

function decode(block: Buffer): SpdyHeaders {
  let at = 0;
  const number = (): number => {
    const n = block.readUInt32BE(at);
    at += 4;
    return n;
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new Error("spdy: a header is longer than its block");
    const s = block.toString("utf8", at, at + length);
    at += length;
    return s;
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left--) headers.set(text().toLowerCase(), text().split("\0")[0] ?? "");
  return headers;
}

/** Pushes one piece through a zlib stream that lives as long as the connection, up to its sync flush. */
function through(stream: Inflate | Deflate, input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const finish = (error: Error | null | undefined): void => {
      stream.off("data", onData).off("error", finish);
      if (error) reject(error);
      else resolve(Buffer.concat(parts));
    };
    const onData = (d: Buffer): void => {
      size += d.length;
      if (size > maxBlockBytes) finish(new Error("spdy: a header block is too large"));
      else parts.push(d);
    };
    stream.on("data", onData).on("error", finish);
    stream.write(input, (error) => {
      if (error) finish(error);
      else stream.flush(constants.Z_SYNC_FLUSH, () => finish(null));
    });
  });
}

/** Compresses and decompresses header blocks: one zlib stream each way for the whole connection. Calls of one kind must not overlap. */
export interface HeaderCodec {
  pack(headers: SpdyHeaders): Promise<Buffer>;
  unpack(block: Buffer): Promise<SpdyHeaders>;
  close(): void;
}

export function createHeaderCodec(): HeaderCodec {
  const inflate = createInflate({
    dictionary,
    flush: constants.Z_SYNC_FLUSH,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  const deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH });
  // An error outside of a call (after close) concerns nobody; inside, `through` has its own listener.
  inflate.on("error", () => undefined);
  deflate.on("error", () => undefined);
  return {
    pack: (headers) => through(deflate, encode(headers)),
    unpack: async (block) => decode(await through(inflate, block)),
    close() {
      inflate.close();
      deflate.close();
    },
  };
}
