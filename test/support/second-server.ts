import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker, eventually } from "./run.ts";

const project = process.env["CORACLE_CLUSTER"] ?? "coracle";

export interface SecondServer extends AsyncDisposable {
  /** Where it serves the API, on this machine. */
  readonly url: string;
  /** What it has written to its standard output. */
  output(): Promise<string>;
}

interface Inspected {
  readonly Config: {
    readonly Image: string;
    readonly User: string;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
  };
}

/**
 * Another API server of the cluster, with settings of the test's own: the first one stays as it is.
 * @param files contents by absolute path, for the settings to name
 */
export async function startSecondServer(
  settings: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>>,
): Promise<SecondServer> {
  const first = `${project}-apiserver-1`;
  const name = `${project}-apiserver-second`;
  const [inspected] = JSON.parse(await docker("inspect", first)) as Inspected[];
  if (!inspected) throw new Error(`there is no ${first}`);
  const { Image: image, User: user, Env: env, Cmd: command } = inspected.Config;
  const changed = [...env, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)];
  const remove = async (): Promise<void> => void (await docker("rm", "--force", "--volumes", name));
  await remove();
  await docker(
    "create",
    `--name=${name}`,
    `--user=${user}`,
    "--entrypoint=node",
    `--volumes-from=${first}`,
    `--network=${project}_nodes`,
    "--publish=127.0.0.1::6443",
    ...changed.flatMap((variable) => ["--env", variable]),
    image,
    ...command,
  );
  try {
    await docker("network", "connect", `${project}_control`, name);
    for (const [path, text] of Object.entries(files)) await copyInto(name, path, text);
    await docker("start", name);
    const port = (await docker("port", name, "6443/tcp")).trim().split(":").at(-1);
    await eventually("the second API server serves", async () =>
      (await docker("logs", name)).includes("serving the bus"),
    );
    return {
      url: `https://127.0.0.1:${port}`,
      output: () => docker("logs", name),
      async [Symbol.asyncDispose]() {
        // It takes itself out of the Service `kubernetes` when it is asked to go.
        await docker("stop", "--time", "3", name);
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function copyInto(container: string, path: string, text: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "coracle-"));
  const file = join(folder, "file");
  await writeFile(file, text, { mode: 0o644 });
  await docker("cp", file, `${container}:${path}`);
  await rm(folder, { recursive: true });
}
