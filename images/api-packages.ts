/**
 * Fetches the API's sources for the sentences of `kubectl explain`: Debian's packages of them, of the suite that has the version we
 * serve. Where they cannot be had, explain has the sentences of an npm package, which has fewer of them.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDebianRoot, openDebian } from "./debian.ts";
import { run } from "./run.ts";

const PACKAGES = [
  "golang-k8s-api-dev",
  "golang-k8s-apimachinery-dev",
  "golang-k8s-apiextensions-apiserver-dev",
];
/** A host without a mirror is not to wait for it at every build. */
const RETRY_AFTER_MS = 24 * 3600 * 1000;

/** Makes sure that the folder has the sources, if this host can get them; never throws. */
export async function fetchApiPackages(folder: string): Promise<void> {
  if (existsSync(folder) || !(await isDebianRoot())) return;
  const cache = dirname(folder);
  const failed = join(cache, "api-packages-failed");
  const age = await stat(failed).then(
    (found) => Date.now() - found.mtimeMs,
    () => Infinity,
  );
  if (age < RETRY_AFTER_MS) return;
  await mkdir(cache, { recursive: true });
  const unpacked = await mkdtemp(`${folder}-`);
  try {
    const debian = await openDebian(cache);
    for (const archive of await debian.fetch("sid", PACKAGES, { alone: true }))
      await run("dpkg-deb", ["--extract", archive, unpacked]);
    await rename(unpacked, folder);
  } catch (error) {
    await rm(unpacked, { recursive: true, force: true });
    // Another build may have been quicker.
    if (!existsSync(folder)) await writeFile(failed, String(error));
  }
}
