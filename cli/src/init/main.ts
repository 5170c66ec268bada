import { existsSync } from "node:fs";
import { createLogger } from "@coracle/shared/log.ts";
import { initialize } from "./initialize.ts";
import { ROTATIONS } from "./secrets.ts";

const log = createLogger("init");
const env = (name: string, fallback: string): string => process.env[name] || fallback;
const probe = env("CORACLE_PROBE", "/app/bin/probe");

try {
  const changed = await initialize({
    volumes: env("CORACLE_VOLUMES", "/volumes"),
    state: env("CORACLE_STATE", "/state"),
    cluster: env("CORACLE_CLUSTER", "coracle"),
    server: env("CORACLE_SERVER", "https://127.0.0.1:6443"),
    serverNames: env("CORACLE_SERVER_NAMES", "").split(",").filter(Boolean),
    domain: env("CORACLE_CLUSTER_DOMAIN", "cluster.local"),
    serviceAddress: env("CORACLE_API_SERVICE_IP", "10.96.0.1"),
    rotation: ROTATIONS.find((rotation) => rotation === process.env["CORACLE_ENCRYPTION_KEYS"]),
    probe: existsSync(probe) ? probe : undefined,
    log,
  });
  log.info({ changed }, changed.length > 0 ? "credentials written" : "credentials are all good");
} catch (error) {
  log.fatal({ err: error }, "cannot prepare the cluster");
  process.exitCode = 1;
}
