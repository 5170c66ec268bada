/** A command in a container, run to its end. */
import { abandon } from "../runtime/abandon.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}
const MAX_OUTPUT = 10 * 1024;

/** Rejects with the signal's reason when it takes too long; the command is killed then. */
export async function runCommand(
  runtime: Pick<Runtime, "exec">,
  id: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<CommandResult> {
  const session = await runtime.exec(id, { command, stdin: false, tty: false }, signal);
  const onAbort = (): void => void abandon(session);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    session.stdin.end();
    let output = "";
    for await (const { data } of session.output())
      if (output.length < MAX_OUTPUT) output += data.toString().slice(0, MAX_OUTPUT - output.length);
    signal.throwIfAborted();
    return { exitCode: (await session.exitCode()) ?? 0, output };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    session.close();
  }
}
