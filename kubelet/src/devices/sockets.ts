/** The directory in which plugins put their registration sockets. */
import { watch } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@coracle/shared/log.ts";
import type { Plugins } from "./plugins.ts";

/** What no notice told of is seen after this long; also how long after a failure a plugin is asked again. */
const rescanMs = 5_000;
const settleMs = 50;

/** Registers what comes and deregisters what goes, until the signal. */
export async function followSockets(
  directory: string,
  plugins: Plugins,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  /** Path → identity: another socket under the same name has another one. */
  const known = new Map<string, string>();
  /** Asked, and not heard of yet. */
  const asked = new Set<string>();
  let scanning = false;
  let again = false;

  const register = async (path: string, identity: string): Promise<void> => {
    asked.add(path);
    const done = await plugins.register(path).then(
      () => true,
      (error: unknown) => {
        log.warn({ socket: path, err: error }, "plugin not registered, will try again");
        return false;
      },
    );
    asked.delete(path);
    const replaced = known.get(path) !== identity;
    if (done && !replaced) return;
    plugins.deregister(path);
    if (replaced) look();
    else known.delete(path);
  };
  const scan = async (): Promise<void> => {
    const sockets = await socketsIn(directory);
    for (const [path, identity] of known) {
      if (sockets.get(path) === identity) continue;
      known.delete(path);
      plugins.deregister(path);
    }
    for (const [path, identity] of sockets) {
      // What comes in place of one that does not answer has its turn after it: the end of that would be taken for its own.
      if (known.has(path) || asked.has(path)) continue;
      known.set(path, identity);
      void register(path, identity);
    }
  };
  const look = (): void => {
    if (signal.aborted) return;
    if (scanning) {
      again = true;
      return;
    }
    scanning = true;
    // A burst of notices is one look.
    setTimeout(() => {
      again = false;
      scan()
        .catch((error: unknown) => log.warn({ err: error }, "plugins' directory not read"))
        .finally(() => {
          scanning = false;
          if (again) look();
        });
    }, settleMs).unref();
  };

  const watcher = watch(directory, { recursive: true, signal }, look);
  watcher.on("error", (error) => {
    if (!signal.aborted) log.warn({ err: error }, "plugins' directory not watched");
  });
  const timer = setInterval(look, rescanMs).unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  look();
}

/** Path → identity. What begins with a dot is being made. */
async function socketsIn(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  // Somebody may remove it: then nothing is there, until somebody makes it again.
  await mkdir(directory, { recursive: true });
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isSocket() || entry.name.startsWith(".")) continue;
    const path = join(entry.parentPath, entry.name);
    const { ino, ctimeMs } = await stat(path).catch(() => ({ ino: 0, ctimeMs: 0 }));
    if (ino) found.set(path, `${ino}/${ctimeMs}`);
  }
  return found;
}
