/** Runs `ip`, `nft`, `nsenter` and `tar`: one process for a whole batch. */
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

export interface CommandOptions {
  readonly input?: string | Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves to standard output. Rejects with standard error when it fails. */
export function command(
  name: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.signal ? { signal: options.signal } : {}),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${name} failed: ${stderr.trim() || `exit code ${code}`}`));
    });
    // A command that ends before it has read everything says why on its standard error.
    child.stdin.on("error", () => undefined);
    const { input = "" } = options;
    if (typeof input === "string") child.stdin.end(input);
    else {
      input.on("error", (error) => {
        child.kill();
        reject(error);
      });
      // What nobody reads any more would hold its connection open.
      child.on("close", () => input.destroy());
      input.pipe(child.stdin);
    }
  });
}

/** Many `ip` commands in one process, here or in the network namespace of a process. */
export const ipBatch = (lines: readonly string[], pid?: number): Promise<string> => {
  const input = `${lines.join("\n")}\n`;
  return pid === undefined
    ? command("ip", ["-batch", "-"], { input })
    : command("nsenter", ["-t", String(pid), "-n", "ip", "-batch", "-"], { input });
};
