/** Our own images: the pod sandbox, the runtime base, the processes, the test server. */
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { build as esbuild } from "esbuild";
import { bundle, bundlePath, present, root } from "./bundle.ts";
import { buildImage, importTree } from "./engine.ts";
import { type ImageSpec, type OwnRecipe, RUNTIME_PACKAGES, RUNTIME_WITHOUT } from "./images.ts";
import { layOut } from "./layout.ts";
import { needProgram } from "./host.ts";
import { run } from "./run.ts";
import { MERGED_DIRECTORIES, type TreeContext, unpack } from "./trees.ts";

export interface OwnContext extends Omit<TreeContext, "debian"> {
  /** Set when images are made from Debian packages, because no registry answers. */
  readonly debian: TreeContext["debian"] | undefined;
  /** An empty directory to build in. */
  readonly workdir: string;
  readonly recipe: string;
}

/** A hash of files and directories below the checkout: names and contents. */
export async function hashFiles(...paths: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    const full = path.startsWith("/") ? path : join(root, path);
    if (!existsSync(full)) continue;
    const entries = await readdir(full, { recursive: true, withFileTypes: true }).catch(() => undefined);
    const files =
      entries === undefined
        ? [full]
        : entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.toSorted())
      hash.update(`${relative(root, file)}\0`).update(await readFile(file));
  }
  return hash.digest("hex");
}

/** Bundles every process that is there; part of what the image `coracle` is made from. */
export async function bundleAll(): Promise<void> {
  await Promise.all(present().map(bundle));
}

/** What an own image is made from, as one hash. */
export function inputsOf(recipe: OwnRecipe): Promise<string> {
  switch (recipe.build) {
    case "pause":
      return hashFiles("images/pause");
    case "runtime":
      return hashFiles("images/coracle/Dockerfile", "images/images.ts");
    case "coracle":
      return hashFiles(
        "images/probe",
        "images/pause",
        "addons",
        "images/own.ts",
        "images/coracle/warm.ts",
        ...present().map(bundlePath),
      );
    case "testserver":
      return hashFiles("images/testserver");
  }
}

/** Compiles one of our C files to a static binary, with the host's compiler (installed when it is missing). */
async function compile(source: string, output: string): Promise<void> {
  await needProgram("gcc", "gcc", "libc6-dev");
  await run("gcc", ["-static", "-Os", "-s", "-Wall", "-Wextra", "-o", output, join(root, source)]);
}

async function buildPause(spec: ImageSpec, { workdir, recipe }: OwnContext): Promise<void> {
  await compile("images/pause/pause.c", join(workdir, "pause"));
  await importTree(workdir, spec.name, { entrypoint: ["/pause"], cmd: [], user: "65535:65535" }, recipe);
}

/** The packages of a closure that an image does not have yet. */
async function lacking(image: string, archives: readonly string[]): Promise<string[]> {
  const listed = await run("docker", [
    "run",
    "--rm",
    "--network=none",
    "--entrypoint=dpkg-query",
    image,
    "--show",
    "--showformat=${Package}\\n",
  ]);
  const installed = new Set(listed.split("\n"));
  return archives.filter((path) => !installed.has(path.split("/").at(-1)?.split("_")[0] ?? ""));
}

async function buildRuntime(spec: ImageSpec, base: string, context: OwnContext): Promise<void> {
  const { debian, workdir, recipe, signal, onLine } = context;
  if (debian === undefined) {
    const dockerfile = join(root, "images/coracle/Dockerfile");
    await buildImage({
      name: spec.name,
      context: root,
      dockerfile,
      target: "runtime",
      recipe,
      signal,
      onLine,
    });
    return;
  }
  const archives = await debian.fetch("bookworm", RUNTIME_PACKAGES, { without: RUNTIME_WITHOUT, signal });
  const tree = join(workdir, "tree");
  await unpack(tree, await lacking(base, archives));
  // The base has these links already, and a copy must not replace them.
  for (const link of MERGED_DIRECTORIES) await rm(join(tree, link));
  await writeFile(join(workdir, "Dockerfile"), `FROM ${base}\nCOPY tree/ /\n`);
  await buildImage({ name: spec.name, context: workdir, recipe, signal, onLine });
}

async function buildCoracle(spec: ImageSpec, base: string, context: OwnContext): Promise<void> {
  const { workdir, recipe, signal, onLine } = context;
  const app = join(workdir, "app");
  await mkdir(join(app, "bin"), { recursive: true });
  await compile("images/probe/probe.c", join(app, "bin/probe"));
  await layOut(app);
  await cp(join(root, "images/coracle/warm.ts"), join(app, "bin/warm.ts"));
  await writeFile(
    join(workdir, "Dockerfile"),
    [
      `FROM ${base}`,
      "WORKDIR /app",
      'ENTRYPOINT ["node"]',
      "ENV NODE_COMPILE_CACHE=/app/.cache",
      "COPY app/ /app/",
      "RUN node /app/bin/warm.ts",
      "",
    ].join("\n"),
  );
  await buildImage({ name: spec.name, context: workdir, recipe, signal, onLine });
}

async function buildTestserver(spec: ImageSpec, base: string, context: OwnContext): Promise<void> {
  const { workdir, recipe, signal, onLine } = context;
  await esbuild({
    entryPoints: [join(root, "images/testserver/server.ts")],
    outfile: join(workdir, "server.mjs"),
    format: "esm",
    platform: "node",
  });
  await writeFile(
    join(workdir, "Dockerfile"),
    `FROM ${base}\nCOPY server.mjs /server.mjs\nEXPOSE 8080 8081\nENTRYPOINT []\nCMD ["node", "/server.mjs"]\n`,
  );
  await buildImage({ name: spec.name, context: workdir, recipe, signal, onLine });
}

/** Builds one of our own images. */
export async function buildOwn(spec: ImageSpec, recipe: OwnRecipe, context: OwnContext): Promise<void> {
  const base = recipe.base ?? "scratch";
  switch (recipe.build) {
    case "pause":
      return buildPause(spec, context);
    case "runtime":
      return buildRuntime(spec, base, context);
    case "coracle":
      return buildCoracle(spec, base, context);
    case "testserver":
      return buildTestserver(spec, base, context);
  }
}
