import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDebianRoot, openDebian } from "../../images/debian.ts";
import type { Suite } from "../../images/images.ts";
import { kubectlBinary, must, root } from "./run.ts";

export interface KubectlVersion {
  /** `1.20` */
  readonly name: string;
  readonly minor: number;
  readonly binary: string;
}

const cache = join(root, ".coracle/cache");
const bin = join(root, ".coracle/bin");

/** Debian's older kubectl, the one that comes with the project, and the newest suite's. */
const packaged: readonly { readonly name: string; readonly suite: Suite; readonly packages: string[] }[] = [
  { name: "1.20", suite: "bookworm", packages: ["kubernetes-client"] },
  { name: "1.36", suite: "forky", packages: ["kubernetes-client", "kubectl"] },
];

/** The versions that can be had here, and why the others cannot. */
export async function kubectlVersions(): Promise<{
  readonly found: readonly KubectlVersion[];
  readonly missing: ReadonlyMap<string, string>;
}> {
  const found: KubectlVersion[] = [await versionOf(kubectlBinary)];
  const missing = new Map<string, string>();
  for (const { name, suite, packages } of packaged) {
    try {
      const binary = join(bin, `kubectl-${name}`);
      if (!existsSync(binary)) await fetchFromDebian(suite, packages, binary);
      found.push(await versionOf(binary));
    } catch (error) {
      missing.set(name, error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
    }
  }
  return { found: found.toSorted((a, b) => a.minor - b.minor), missing };
}

async function versionOf(binary: string): Promise<KubectlVersion> {
  const text = await must(binary, ["version", "--client", "-o", "json"]);
  const { clientVersion } = JSON.parse(text) as { clientVersion: { major: string; minor: string } };
  const minor = Number.parseInt(clientVersion.minor, 10);
  return { name: `${clientVersion.major}.${minor}`, minor, binary };
}

async function fetchFromDebian(suite: Suite, packages: readonly string[], to: string): Promise<void> {
  if (!(await isDebianRoot())) throw new Error("its package can be fetched as root on Debian only");
  await mkdir(cache, { recursive: true });
  await mkdir(bin, { recursive: true });
  const debian = await openDebian(cache);
  const archives = await debian.fetch(suite, packages, { alone: true });
  const work = await mkdtemp(join(cache, "kubectl-"));
  try {
    for (const archive of archives) await must("dpkg-deb", ["-x", archive, work]);
    await copyFile(join(work, "usr/bin/kubectl"), `${to}.new`);
    await chmod(`${to}.new`, 0o755);
    await rename(`${to}.new`, to);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
