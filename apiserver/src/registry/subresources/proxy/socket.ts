import { Duplex } from "node:stream";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { ApiError, type Status } from "@coracle/shared/errors.ts";

/** Channels of a `proxy` session: bytes to the target, bytes from it, and why it could not be reached. */
const up = 0;
const down = 1;
const failure = 3;

async function passOn(
  session: DuplexChannels,
  chunk: Buffer,
  done: (error?: Error | null) => void,
): Promise<void> {
  try {
    await session.send(up, chunk);
  } catch (error) {
    done(error as Error);
    return;
  }
  done();
}

/** The node could not even begin: it has no such pod, or the pod no address. */
function throwIfFailed(status: Status | undefined): void {
  if (status?.status === "Failure") throw ApiError.from(status);
}

/** A socket of the session's two data channels. It is destroyed with the reason that the node tells. */
export function socketOver(session: DuplexChannels): Duplex {
  const messages = session.receive()[Symbol.asyncIterator]();
  const pull = async (socket: Duplex): Promise<void> => {
    for (;;) {
      const { done, value } = await messages.next();
      if (done || ("closed" in value && value.channel === down)) {
        if (done) throwIfFailed(await session.ended);
        socket.push(null);
        return;
      }
      if (!("data" in value)) continue;
      if (value.channel === failure) throw new Error(Buffer.from(value.data).toString());
      if (value.channel === down && value.data.byteLength > 0) {
        socket.push(value.data);
        return;
      }
    }
  };
  return new Duplex({
    read() {
      pull(this).catch((error: unknown) => this.destroy(error as Error));
    },
    write(chunk: Buffer, _encoding, done) {
      void passOn(session, chunk, done);
    },
    final(done) {
      session.closeSend(up);
      done();
    },
    destroy(error, done) {
      session.end();
      done(error);
    },
  });
}
