/**
 * Runs in the image's build: starts every process for a moment, so that Node keeps their compiled code in the image
 * (NODE_COMPILE_CACHE), per user as it wants. They find no credentials and nobody to talk to.
 */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync } from "node:fs";

const users: Readonly<Record<string, number>> = {
  apiserver: 10001,
  "controller-manager": 10002,
  scheduler: 10003,
  kubelet: 0,
  "kube-proxy": 0,
  dns: 65534,
  init: 0,
};
const STOP_AFTER_MS = 800;
const cache = process.env["NODE_COMPILE_CACHE"] ?? "/app/.cache";

function warm(name: string, uid: number): Promise<void> {
  const stop = `data:text/javascript,setTimeout(() => process.exit(0), ${STOP_AFTER_MS})`;
  const child = spawn(process.execPath, ["--import", stop, `/app/${name}/main.mjs`], {
    uid,
    gid: uid,
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

mkdirSync(cache, { recursive: true });
chmodSync(cache, 0o1777);
await Promise.all(
  Object.entries(users)
    .filter(([name]) => existsSync(`/app/${name}/main.mjs`))
    .map(([name, uid]) => warm(name, uid)),
);
chmodSync(cache, 0o755);
