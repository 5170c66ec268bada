/**
 * Runs in the image's build: starts every process for a moment, so that Node keeps their compiled code in the image
 * (NODE_COMPILE_CACHE), per user as it wants. They find no credentials and nobody to talk to.
 */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync } from "node:fs";

interface Warmed {
  readonly user: number;
  /** Compiled code is good only for the flags it was compiled with: those that the process is started with. */
  readonly flags?: readonly string[];
}
const frugal = ["--optimize-for-size", "--max-semi-space-size=2", "--single-threaded", "--no-maglev"];

/** By the bundle's name. */
export const processes: Readonly<Record<string, Warmed>> = {
  apiserver: { user: 10001 },
  "controller-manager": { user: 10002, flags: frugal },
  scheduler: { user: 10003, flags: frugal },
  kubelet: { user: 0 },
  "kube-proxy": { user: 0, flags: ["--lite-mode", "--max-semi-space-size=1"] },
  dns: { user: 65534 },
  init: { user: 0 },
};
const STOP_AFTER_MS = 800;
const cache = process.env["NODE_COMPILE_CACHE"] ?? "/app/.cache";

function warm(name: string, { user, flags = [] }: Warmed): Promise<void> {
  const stop = `data:text/javascript,setTimeout(() => process.exit(0), ${STOP_AFTER_MS})`;
  const child = spawn(process.execPath, [...flags, "--import", stop, `/app/${name}/main.mjs`], {
    uid: user,
    gid: user,
    env: {
      NODE_COMPILE_CACHE: cache,
      CORACLE_PKI: "/nonexistent",
      CORACLE_VOLUMES: "/tmp/warm",
      HOME: "/tmp",
    },
    stdio: "ignore",
  });
  return new Promise((resolve, reject) => child.once("error", reject).once("exit", () => resolve()));
}

if (import.meta.main) {
  mkdirSync(cache, { recursive: true });
  chmodSync(cache, 0o1777);
  await Promise.all(
    Object.entries(processes)
      .filter(([name]) => existsSync(`/app/${name}/main.mjs`))
      .map(([name, warmed]) => warm(name, warmed)),
  );
  chmodSync(cache, 0o755);
}
