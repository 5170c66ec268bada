import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import type { Session } from "../runtime/runtime.ts";
import { serveSession } from "./command.ts";

/** A command that ends a little after its client has ended its input; says whether the engine was told of that end. */
async function inputEnded(tty: boolean): Promise<boolean> {
  const stdin = new PassThrough();
  const fed = Promise.withResolvers<void>();
  let ended = false;
  const session: Session = {
    stdin,
    async *output() {
      await fed.promise;
      ended = stdin.writableEnded;
      yield { channel: 1, data: Buffer.from("done") };
    },
    resize: () => Promise.resolve(),
    exitCode: () => Promise.resolve(0),
    kill: () => Promise.resolve(),
    close: () => undefined,
  };
  const channels = {
    aborted: new AbortController().signal,
    async *receive() {
      yield { channel: 0, closed: true };
      fed.resolve();
    },
    send: () => Promise.resolve(),
  } as unknown as DuplexChannels;
  await serveSession(session, { verb: "exec", stdin: true, stdout: true, tty }, channels);
  return ended;
}

test("the end of a client's input ends the command's, but not a terminal's", async () => {
  expect(await inputEnded(false)).toBe(true);
  expect(await inputEnded(true)).toBe(false);
});
