/**
 * Makes sure that the engine has the images: `node images/build.ts [--tests] [--rebuild] [name…]`.
 *
 * What is there and made from the same inputs is left alone. Public images are pulled; where no registry answers,
 * stand-ins of the same names are made from Debian packages.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./bundle.ts";
import { type Debian, isDebianRoot, openDebian } from "./debian.ts";
import { importTree, inspectImages, type PresentImage, pull, tag } from "./engine.ts";
import { type ImageSpec, images } from "./images.ts";
import { buildOwn, bundleAll, hashFiles, inputsOf } from "./own.ts";
import { needProgram } from "./host.ts";
import { createProgress, type Job, type Progress } from "./progress.ts";
import { run } from "./run.ts";
import { nodeTree, packagesTree } from "./trees.ts";

export interface BuildOptions {
  /** Also what tests and examples use. */
  readonly tests?: boolean;
  /** Make everything again. */
  readonly rebuild?: boolean;
  /** Only these. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** How many images are made at once. */
const CONCURRENCY = 3;

const cache = join(root, ".coracle/cache");

interface Session {
  readonly present: Map<string, PresentImage>;
  readonly hashes: Map<string, string>;
  readonly options: BuildOptions;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Settled by the first pull: images whose pull fails after one that worked are still tried. */
  registry: Promise<boolean> | undefined;
  debian: Promise<Debian> | undefined;
}

/** Raised when the same recipe comes to make something else. */
const FORMAT = "2";

async function recipeHash(spec: ImageSpec, hashes: Map<string, string>): Promise<string> {
  const { recipe } = spec;
  const hash = createHash("sha256").update(FORMAT).update(JSON.stringify(recipe));
  if (recipe.how === "own") {
    hash.update(await inputsOf(recipe)).update(hashes.get(recipe.base ?? "") ?? "");
  } else {
    if (recipe.how === "node") hash.update(process.version);
    for (const file of recipe.how === "packages" ? (recipe.files ?? []) : [])
      if (file.from !== undefined) hash.update(await hashFiles(join("images", file.from)));
  }
  return hash.digest("hex").slice(0, 16);
}

async function openSource(session: Session): Promise<Debian> {
  session.debian ??= (async () => {
    if (!(await isDebianRoot()))
      throw new Error("no registry answers, and stand-in images can only be made as root on Debian");
    session.progress.note("No registry answers: making stand-ins from Debian packages and npm's node.");
    await needProgram("debootstrap", "debootstrap");
    await mkdir(cache, { recursive: true });
    return openDebian(cache);
  })();
  return session.debian;
}

/** Pulls an image and its aliases; false where the registry cannot be reached or has no such image. */
async function tryPull(spec: ImageSpec, session: Session, job: Job): Promise<boolean> {
  const attempt = async (): Promise<boolean> => {
    job.step("pulling");
    try {
      for (const name of [spec.name, ...(spec.aliases ?? [])])
        await pull(name, session.signal, (line) => job.step(line));
      return true;
    } catch (error) {
      session.signal.throwIfAborted();
      job.step(`not pulled: ${(error as Error).message.split("\n").at(-1)}`);
      return false;
    }
  };
  if (session.registry === undefined) return (session.registry = attempt());
  return (await session.registry) && attempt();
}

async function makeStandIn(spec: ImageSpec, session: Session, recipe: string, job: Job): Promise<void> {
  if (spec.recipe.how === "own") throw new Error(`${spec.name} is our own`);
  const debian = await openSource(session);
  const tree = await mkdtemp(join(cache, "tree-"));
  const context = { debian, cache, signal: session.signal, onLine: (line: string) => job.step(line) };
  try {
    job.step(`unpacking Debian ${spec.recipe.suite}`);
    if (spec.recipe.how === "node") await nodeTree(tree, spec.recipe, context);
    else await packagesTree(tree, spec.recipe, context);
    job.step("importing");
    await importTree(tree, spec.name, spec.recipe.config, recipe);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
  for (const alias of spec.aliases ?? []) await tag(spec.name, alias);
}

async function ensure(spec: ImageSpec, session: Session): Promise<void> {
  const recipe = session.hashes.get(spec.name) ?? "";
  const have = session.present.get(spec.name);
  const base = spec.recipe.how === "own" ? session.present.get(spec.recipe.base ?? "") : undefined;
  const fresh =
    have !== undefined &&
    (have.recipe === recipe || (have.recipe === undefined && spec.recipe.how !== "own"));
  if (fresh && session.options.rebuild !== true) return;
  const job = session.progress.job(spec.name);
  try {
    if (spec.recipe.how === "own") {
      job.step("building");
      const standInBase = base?.recipe !== undefined;
      const debian = standInBase && spec.recipe.build === "runtime" ? await openSource(session) : undefined;
      await mkdir(cache, { recursive: true });
      const workdir = await mkdtemp(join(cache, "build-"));
      const onLine = (line: string): void => job.step(line);
      try {
        await buildOwn(spec, spec.recipe, { debian, cache, workdir, recipe, signal: session.signal, onLine });
      } finally {
        await rm(workdir, { recursive: true, force: true });
      }
      job.done("built");
    } else if ((have === undefined || session.options.rebuild) && (await tryPull(spec, session, job))) {
      job.done("pulled");
    } else {
      await makeStandIn(spec, session, recipe, job);
      job.done(`stand-in from Debian ${spec.recipe.suite}`);
    }
  } catch (error) {
    job.failed((error as Error).message.split("\n")[0] ?? "failed");
    throw error;
  }
}

/** Removes what the new images replaced, unless a container still runs it. */
async function removeReplaced(
  before: Map<string, PresentImage>,
  after: Map<string, PresentImage>,
): Promise<void> {
  const kept = new Set([...after.values()].map((image) => image.id));
  const replaced = new Set([...before.values()].map((image) => image.id).filter((id) => !kept.has(id)));
  for (const id of replaced) await run("docker", ["rmi", id]).catch(() => undefined);
}

/** Ensures every image asked for; returns the names of those that were made or pulled. */
export async function buildImages(options: BuildOptions = {}): Promise<string[]> {
  const wanted = images.filter(
    (spec) =>
      (options.only ?? []).includes(spec.name) ||
      (options.only === undefined && (options.tests === true || spec.for === "cluster")),
  );
  // What an image is based on comes along, before it.
  const needed = new Set<ImageSpec>();
  const need = (spec: ImageSpec): void => {
    const base =
      spec.recipe.how === "own"
        ? images.find((other) => other.name === (spec.recipe as { base?: string }).base)
        : undefined;
    if (base !== undefined) need(base);
    needed.add(spec);
  };
  wanted.forEach(need);

  if ([...needed].some((spec) => spec.recipe.how === "own" && spec.recipe.build === "coracle"))
    await bundleAll();
  const hashes = new Map<string, string>();
  for (const spec of needed) hashes.set(spec.name, await recipeHash(spec, hashes));
  const session: Session = {
    present: await inspectImages([...needed].map((spec) => spec.name)),
    hashes,
    options,
    signal: options.signal ?? new AbortController().signal,
    progress: options.progress ?? createProgress(process.stderr),
    registry: undefined,
    debian: undefined,
  };
  const before = new Map(session.present);

  const finished = new Map<string, Promise<void>>();
  let free = CONCURRENCY;
  const waiting: (() => void)[] = [];
  const start = async (spec: ImageSpec): Promise<void> => {
    const base = spec.recipe.how === "own" ? spec.recipe.base : undefined;
    if (base !== undefined) {
      await finished.get(base);
      const made = await inspectImages([base]);
      for (const [name, image] of made) session.present.set(name, image);
    }
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      await ensure(spec, session);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
  for (const spec of needed) finished.set(spec.name, start(spec));
  const outcomes = await Promise.allSettled(finished.values());
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  const after = await inspectImages([...needed].map((spec) => spec.name));
  await removeReplaced(before, after);
  return [...after].filter(([name, image]) => before.get(name)?.id !== image.id).map(([name]) => name);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tests: { type: "boolean" }, rebuild: { type: "boolean" } },
  });
  try {
    const made = await buildImages({
      tests: values.tests === true,
      rebuild: values.rebuild === true,
      ...(positionals.length > 0 ? { only: positionals } : {}),
    });
    console.error(made.length === 0 ? "All images are there." : `Made: ${made.join(", ")}.`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
