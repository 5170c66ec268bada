import { abandon } from "../runtime/abandon.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { failure, success, unknown, type ProbeResult } from "./result.ts";

const maxOutputBytes = 10 * 1024;

/** Exit code 0 is success. A command that takes too long is killed, and that is a failure. */
export async function probeExec(
  runtime: Pick<Runtime, "exec">,
  container: string,
  command: readonly string[],
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const tooLong = failure(`command timed out: "${command.join(" ")}" timed out after ${timeoutSeconds}s`);
  try {
    const session = await runtime.exec(container, { command, stdin: false, tty: false }, signal);
    const stop = (): void => void abandon(session);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    session.stdin.end();
    let output = "";
    for await (const { data } of session.output())
      if (output.length < maxOutputBytes) output += data.toString();
    if (signal.aborted) return tooLong;
    const code = await session.exitCode();
    signal.removeEventListener("abort", stop);
    if (code === undefined) return unknown("the engine lost the command");
    return code === 0 ? success(output.slice(0, maxOutputBytes)) : failure(output.slice(0, maxOutputBytes));
  } catch (error) {
    return signal.aborted ? tooLong : unknown((error as Error).message);
  }
}
