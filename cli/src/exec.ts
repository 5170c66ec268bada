import { spawn, type StdioOptions } from "node:child_process";

/** A failure whose message is all that the user needs to see. */
export class UserError extends Error {}

export interface ExecOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio?: StdioOptions;
  readonly signal?: AbortSignal;
}

/** Runs a program on the user's terminal; the result is its exit status. */
export function exec(command: string, args: readonly string[], options: ExecOptions = {}): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: options.stdio ?? "inherit",
    signal: options.signal,
  });
  // The terminal sends Ctrl-C to the child as well; it decides what to do, and we report how it ended.
  const wait = (): void => undefined;
  process.on("SIGINT", wait);
  child.once("error", (error: NodeJS.ErrnoException) =>
    reject(error.code === "ENOENT" ? new UserError(`${command} is not installed`) : error),
  );
  child.once("close", (code, signal) => {
    process.off("SIGINT", wait);
    resolve(code ?? (signal === "SIGINT" ? 130 : 1));
  });
  return promise;
}

/** Runs a program for its output. Throws with what it wrote to stderr when it fails. */
export async function output(
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: options.signal,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject).once("close", resolve);
  if ((await promise) !== 0) throw new UserError(stderr.trim() || `${command} ${args.join(" ")} failed`);
  return stdout;
}
