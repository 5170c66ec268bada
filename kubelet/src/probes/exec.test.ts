import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { runCommand } from "../lifecycle/run-command.ts";
import type { Session } from "../runtime/runtime.ts";
import { probeExec } from "./exec.ts";

/** A command that runs until its stream is closed, and whose engine cannot be asked to end it. */
function endless() {
  const output = new PassThrough();
  const session: Session = {
    stdin: new PassThrough(),
    output: () => output as AsyncIterable<never>,
    resize: () => Promise.resolve(),
    exitCode: () => Promise.resolve(undefined),
    kill: () => Promise.reject(new Error("the engine is away")),
    close: () => void output.end(),
  };
  return { session, exec: () => Promise.resolve(session) };
}

test("a probe that takes too long has failed, though the engine cannot be asked to end its command", async () => {
  const late = new AbortController();
  const result = probeExec(endless(), "c", ["sleep"], 1, late.signal);
  await new Promise(setImmediate);
  late.abort();
  expect(await result).toMatchObject({
    outcome: "failure",
    message: expect.stringContaining("timed out after 1s") as string,
  });
});

test("a probe whose time is over before its command runs does not wait for it", async () => {
  const late = new AbortController();
  const { session } = endless();
  const exec = (): Promise<Session> => {
    late.abort();
    return Promise.resolve(session);
  };
  expect(await probeExec({ exec }, "c", ["sleep"], 1, late.signal)).toMatchObject({ outcome: "failure" });
});

test("a hook that is cut off tells why, though the engine cannot be asked to end its command", async () => {
  const over = new AbortController();
  setImmediate(() => over.abort(new Error("the grace is over")));
  await expect(runCommand(endless(), "c", ["sleep"], over.signal)).rejects.toThrow("the grace is over");
});
