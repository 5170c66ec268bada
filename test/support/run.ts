import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const kubeconfig = process.env["KUBECONFIG"] ?? `${root}.coracle/kubeconfig`;
const ownKubectl = `${root}.coracle/bin/kubectl`;
export const kubectlBinary =
  process.env["CORACLE_KUBECTL"] ?? (existsSync(ownKubectl) ? ownKubectl : "kubectl");

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never throws for an exit code. `timeoutMs` ends it with SIGKILL. */
export function run(
  program: string,
  args: readonly string[],
  options: { input?: string | Buffer; timeoutMs?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      {
        maxBuffer: 256 * 1024 * 1024,
        timeout: options.timeoutMs ?? 120_000,
        killSignal: "SIGKILL",
        env: { ...process.env, ...options.env },
      },
      (error, stdout, stderr) => {
        if (error && typeof error.code === "string") reject(error);
        else
          resolve({ code: error ? (typeof error.code === "number" ? error.code : 137) : 0, stdout, stderr });
      },
    );
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** As {@link run}, but an exit code other than 0 is an error that shows what was printed. */
export async function must(
  program: string,
  args: readonly string[],
  options: Parameters<typeof run>[2] = {},
): Promise<string> {
  const out = await run(program, args, options);
  if (out.code !== 0)
    throw new Error(`${program} ${args.join(" ")}: exit ${out.code}\n${out.stderr}\n${out.stdout}`);
  return out.stdout;
}

const withConfig = (args: readonly string[]): string[] => ["--kubeconfig", kubeconfig, ...args];
export const kubectl = (...args: string[]): Promise<string> => must(kubectlBinary, withConfig(args));
export const tryKubectl = (...args: string[]): Promise<Output> => run(kubectlBinary, withConfig(args));
export const kubectlWith = (input: string, ...args: string[]): Promise<string> =>
  must(kubectlBinary, withConfig(args), { input });
export const tryKubectlWith = (input: string, ...args: string[]): Promise<Output> =>
  run(kubectlBinary, withConfig(args), { input });
/** One kubectl and one namespace, for what is tried with several versions. */
export interface Kubectl {
  /** Without a namespace of its own. */
  readonly plain: (...args: string[]) => Promise<string>;
  readonly tryPlain: (...args: string[]) => Promise<Output>;
  readonly k: (...args: string[]) => Promise<string>;
  readonly tryK: (...args: string[]) => Promise<Output>;
  readonly kWith: (input: string, ...args: string[]) => Promise<string>;
  readonly tryKWith: (input: string, ...args: string[]) => Promise<Output>;
  readonly background: (...args: string[]) => Background;
  /** The command line, for programs that wrap it. */
  readonly command: (...args: string[]) => string[];
}

/** Flags come last, as old versions have it. */
export function kubectlOf(binary: string, namespace: string): Kubectl {
  const own = (args: readonly string[]): string[] => {
    const end = args.indexOf("--");
    const [before, after] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end)];
    return [...before, "--kubeconfig", kubeconfig, "-n", namespace, ...after];
  };
  return {
    plain: (...args) => must(binary, withConfig(args)),
    tryPlain: (...args) => run(binary, withConfig(args)),
    k: (...args) => must(binary, own(args)),
    tryK: (...args) => run(binary, own(args)),
    kWith: (input, ...args) => must(binary, own(args), { input }),
    tryKWith: (input, ...args) => run(binary, own(args), { input }),
    background: (...args) => inBackground(binary, own(args)),
    command: (...args) => [binary, ...own(args)],
  };
}

export const docker = (...args: string[]): Promise<string> => must("docker", args);
export const getJson = async <T>(...args: string[]): Promise<T> =>
  JSON.parse(await kubectl("get", ...args, "-o", "json")) as T;

export interface Background extends AsyncDisposable {
  readonly process: ChildProcess;
  /** All that was printed so far, both streams. */
  output(): string;
}

/** Starts kubectl and leaves it running until disposed (port-forward, watch, logs -f). */
export const kubectlBackground = (...args: string[]): Background =>
  inBackground(kubectlBinary, withConfig(args));

function inBackground(program: string, args: readonly string[]): Background {
  const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (d: Buffer) => (text += d.toString()));
  child.stderr.on("data", (d: Buffer) => (text += d.toString()));
  return {
    process: child,
    output: () => text,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

/** Repeats `probe` until it neither throws nor answers undefined or false; the last failure is shown when the time is over. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T>,
  timeoutMs = 60_000,
  everyMs = 250,
): Promise<NonNullable<T>> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`, { cause: last });
    await new Promise((r) => setTimeout(r, everyMs));
  }
}

/** GET of a URL on this machine; throws for anything but a 2xx answer within the time. */
export async function get(url: string, timeoutMs = 5_000): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
}
