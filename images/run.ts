/** Runs host programs for the image builds. */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the program. */
  readonly signal?: AbortSignal;
  /** Called with each line that the program writes, on either stream. */
  readonly onLine?: (line: string) => void;
  /** Appends the output to this file. */
  readonly log?: string;
}

/** A program ended with another status than 0. */
export class RunError extends Error {
  readonly code: number | null;
  readonly output: string;
  constructor(command: string, code: number | null, output: string) {
    super(`${command} ended with status ${code}: ${output.trim().split("\n").slice(-8).join("\n")}`);
    this.code = code;
    this.output = output;
  }
}

/** Runs a program and returns what it wrote to stdout. Throws RunError when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: options.signal,
  });
  const log = options.log === undefined ? undefined : createWriteStream(options.log, { flags: "a" });
  let stdout = "";
  let all = "";
  const take = (chunk: string, isStdout: boolean): void => {
    if (isStdout) stdout += chunk;
    all += chunk;
    log?.write(chunk);
    for (const line of chunk.split("\n")) if (line.trim() !== "") options.onLine?.(line.trim());
  };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => take(chunk, true));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => take(chunk, false));
  child.once("error", reject);
  child.once("close", (code) => {
    log?.end();
    if (code === 0) resolve(stdout);
    else reject(new RunError([command, ...args.slice(0, 3)].join(" "), code, all));
  });
  return promise;
}

/** Whether a program can be found and run. */
export async function works(command: string, ...args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}
