/**
 * Takes packages from Debian suites other than the host's, with the host's own apt: its mirror, its signature checks,
 * its resolver; but with lists and archives of ours, so that the host's package state is neither read nor changed.
 */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Suite } from "./images.ts";
import { run, works } from "./run.ts";

/** A day: how old a suite's index may get before it is asked for again. */
const INDEX_MAX_AGE_MS = 24 * 3600 * 1000;

export interface Debian {
  /** Where this host gets Debian from, as its apt sources say. */
  readonly mirror: string;
  /** Downloads packages and what they depend on; returns the paths of the .deb files. */
  fetch(suite: Suite, packages: readonly string[], options: FetchOptions): Promise<string[]>;
}

export interface FetchOptions {
  /** Only the packages named, without what they depend on. */
  readonly alone?: boolean;
  /** Packages of the closure to leave out. */
  readonly without?: readonly string[];
  readonly signal?: AbortSignal;
}

/** The Debian mirror in the host's apt configuration. */
async function findMirror(): Promise<string> {
  const targets = await run("apt-get", ["indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"]);
  const release = /^VERSION_CODENAME=(\S+)/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  for (const line of targets.split("\n")) {
    const [suite, component, uri] = line.split(" ");
    if (suite === release && component === "main" && uri !== undefined) return uri.replace(/\/$/, "");
  }
  throw new Error("the host's apt sources name no Debian mirror");
}

/** Whether this host can make stand-ins: Debian, root, apt. */
export async function isDebianRoot(): Promise<boolean> {
  return process.getuid?.() === 0 && (await works("apt-get", "--version"));
}

/** Opens the package source; `cache` keeps indexes and archives between runs. */
export async function openDebian(cache: string): Promise<Debian> {
  const mirror = await findMirror();
  const ready = new Map<Suite, Promise<string[]>>();

  const open = async (suite: Suite): Promise<string[]> => {
    const dir = join(cache, suite);
    const archives = join(cache, "archives");
    await mkdir(join(dir, "lists/partial"), { recursive: true });
    await mkdir(archives, { recursive: true });
    await mkdir(join(dir, "none/partial"), { recursive: true });
    await writeFile(join(dir, "sources.list"), `deb ${mirror} ${suite} main\n`);
    await writeFile(join(dir, "status"), "");
    const options = Object.entries({
      "Dir::Etc::sourcelist": join(dir, "sources.list"),
      "Dir::Etc::sourceparts": "/dev/null",
      "Dir::Etc::preferences": "/dev/null",
      "Dir::Etc::preferencesparts": "/dev/null",
      "Dir::State": dir,
      "Dir::State::lists": join(dir, "lists"),
      "Dir::State::status": join(dir, "status"),
      "Dir::Cache": dir,
      // Kept empty: apt leaves out of its list what is downloaded already.
      "Dir::Cache::archives": join(dir, "none"),
      "APT::Sandbox::User": "root",
      "APT::Install-Recommends": "0",
      "Acquire::Languages": "none",
      // A frozen mirror's index outlives its date; the signature still counts.
      "Acquire::Check-Valid-Until": "false",
    }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
    const stamp = join(dir, "updated");
    const age = await stat(stamp).then(
      (s) => Date.now() - s.mtimeMs,
      () => Infinity,
    );
    if (age > INDEX_MAX_AGE_MS) {
      await run("apt-get", [...options, "update", "--error-on=any"]);
      await writeFile(stamp, "");
    }
    return options;
  };

  // One download at a time: images share packages, and two programs must not write one archive.
  let downloads: Promise<unknown> = Promise.resolve();
  const download = async (options: string[], files: string[], signal?: AbortSignal): Promise<string[]> => {
    const archives = join(cache, "archives");
    const have = new Set(await readdir(archives));
    const missing = files.filter((file) => !have.has(file));
    if (missing.length > 0) {
      const names = missing.map((file) => {
        const [name, version] = decodeURIComponent(file).split("_");
        return `${name}=${version}`;
      });
      await run("apt-get", [...options, "download", "-qq", ...names], {
        cwd: archives,
        ...(signal === undefined ? {} : { signal }),
      });
    }
    return files.map((file) => join(archives, file));
  };

  return {
    mirror,
    async fetch(suite, packages, { alone = false, without = [], signal }) {
      const options = await (ready.get(suite) ?? ready.set(suite, open(suite)).get(suite)!);
      const listing = await run(
        "apt-get",
        [...options, "install", "--yes", "--print-uris", "-qq", ...packages],
        signal === undefined ? {} : { signal },
      );
      const wanted = listing
        .split("\n")
        .map((line) => line.split(" ")[1])
        .filter((file): file is string => file?.endsWith(".deb") === true)
        .filter((file) => {
          const name = file.split("_", 1)[0] ?? "";
          return alone ? packages.includes(name) : !without.includes(name);
        });
      const next = downloads.then(() => download(options, wanted, signal));
      downloads = next.catch(() => undefined);
      return next;
    },
  };
}
