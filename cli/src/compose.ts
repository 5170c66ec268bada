import { exec, type ExecOptions, output } from "./exec.ts";
import { checkout, cluster, state } from "./paths.ts";

const base = (files: readonly string[]): string[] => [
  "compose",
  "--project-name",
  cluster,
  "--project-directory",
  checkout,
  ...files.flatMap((file) => ["--file", file]),
];

const FILES = [`${checkout}/docker-compose.yml`];
/** The compose files of the development loop. */
export const DEV_FILES = [...FILES, `${checkout}/docker-compose.dev.yml`];

const env = { CORACLE_STATE: state, CORACLE_CLUSTER: cluster };

/** Runs `docker compose` on the user's terminal. */
export function compose(
  args: readonly string[],
  options: ExecOptions & { files?: readonly string[] } = {},
): Promise<number> {
  return exec("docker", [...base(options.files ?? FILES), ...args], { ...options, env });
}

/** Runs `docker compose` for its output. */
export function composeOutput(args: readonly string[]): Promise<string> {
  return output("docker", [...base(FILES), ...args], { env });
}

export interface ServiceState {
  readonly Name: string;
  readonly Service: string;
  readonly State: string;
  readonly Health: string;
  readonly Status: string;
}

/** The containers of the cluster's own services. */
export async function services(): Promise<ServiceState[]> {
  const text = await composeOutput(["ps", "--all", "--format", "json"]);
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as ServiceState)
    .toSorted((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }));
}
