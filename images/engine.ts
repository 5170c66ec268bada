/** What the image builds ask of the Docker engine, through its command line. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, RunError } from "./run.ts";
import type { ImageConfig } from "./images.ts";

/** The label that holds the hash of what an image was made from. */
export const RECIPE_LABEL = "io.coracle.recipe";

export interface PresentImage {
  readonly id: string;
  /** The recipe's hash; undefined for an image that was pulled. */
  readonly recipe: string | undefined;
  readonly size: number;
}

/** Which of these images the engine has. One call for all. */
export async function inspectImages(names: readonly string[]): Promise<Map<string, PresentImage>> {
  const present = new Map<string, PresentImage>();
  const format = "{{json .RepoTags}}\t{{.Id}}\t{{.Size}}\t{{json .Config.Labels}}";
  // A missing image makes the status 1; those found are printed all the same.
  const listing = await run("docker", ["image", "inspect", "--format", format, ...names]).catch(
    (error: unknown) => {
      if (error instanceof RunError && /no such image/i.test(error.output)) return error.output;
      throw error;
    },
  );
  for (const line of listing.split("\n")) {
    const [tags, id, size, labels] = line.split("\t");
    if (tags === undefined || id === undefined || !tags.startsWith("[")) continue;
    const recipe = (JSON.parse(labels ?? "null") as Record<string, string> | null)?.[RECIPE_LABEL];
    for (const tag of JSON.parse(tags) as string[]) present.set(tag, { id, recipe, size: Number(size) });
  }
  return present;
}

/** Pulls an image. Throws when it cannot be had. */
export async function pull(name: string, signal: AbortSignal, onLine: (line: string) => void): Promise<void> {
  await run("docker", ["pull", "--quiet", name], { signal, onLine });
}

export async function tag(name: string, alias: string): Promise<void> {
  await run("docker", ["tag", name, alias]);
}

/** Makes a one-layer image of a directory. */
export async function importTree(
  tree: string,
  name: string,
  config: ImageConfig,
  recipe: string,
): Promise<void> {
  const changes = [
    `LABEL ${RECIPE_LABEL}=${recipe}`,
    ...(config.cmd === undefined ? [] : [`CMD ${JSON.stringify(config.cmd)}`]),
    ...(config.entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(config.entrypoint)}`]),
    ...Object.entries(config.env ?? {}).map(([key, value]) => `ENV ${key}=${value}`),
    ...(config.expose ?? []).map((port) => `EXPOSE ${port}`),
    ...(config.workdir === undefined ? [] : [`WORKDIR ${config.workdir}`]),
    ...(config.user === undefined ? [] : [`USER ${config.user}`]),
  ].flatMap((change) => ["--change", change]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tar = spawn("tar", ["--create", "--numeric-owner", "--directory", tree, "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const imported = config.stopSignal === undefined ? name : `${name}-import`;
  const docker = spawn("docker", ["import", ...changes, "-", imported], {
    stdio: [tar.stdout, "ignore", "pipe"],
  });
  let complaint = "";
  docker.stderr.setEncoding("utf8").on("data", (chunk: string) => (complaint += chunk));
  tar.once("error", reject);
  docker.once("error", reject);
  docker.once("close", (code) => {
    if (code === 0) resolve();
    else reject(new Error(`docker import ${name}: ${complaint}`));
  });
  await promise;
  if (config.stopSignal !== undefined) await setStopSignal(imported, name, config.stopSignal);
}

/** What an import cannot be told. */
async function setStopSignal(from: string, name: string, signal: string): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), "coracle-"));
  try {
    await writeFile(join(context, "Dockerfile"), `FROM ${from}\nSTOPSIGNAL ${signal}\n`);
    await run("docker", ["build", "--tag", name, context]);
    await run("docker", ["rmi", from]);
  } finally {
    await rm(context, { recursive: true });
  }
}

export interface BuildRequest {
  readonly name: string;
  readonly context: string;
  readonly dockerfile?: string;
  readonly target?: string;
  readonly recipe: string;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** `docker build`, with whichever builder the engine has. */
export async function buildImage(request: BuildRequest): Promise<void> {
  const { name, context, dockerfile, target, recipe, signal, onLine } = request;
  await run(
    "docker",
    [
      "build",
      "--tag",
      name,
      "--label",
      `${RECIPE_LABEL}=${recipe}`,
      ...(dockerfile === undefined ? [] : ["--file", dockerfile]),
      ...(target === undefined ? [] : ["--target", target]),
      context,
    ],
    {
      env: { BUILDKIT_PROGRESS: "plain" },
      ...(signal === undefined ? {} : { signal }),
      ...(onLine === undefined ? {} : { onLine }),
    },
  );
}
