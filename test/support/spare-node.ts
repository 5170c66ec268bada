import { docker, kubectl, must, root, run } from "./run.ts";

export const cluster = process.env["CORACLE_CLUSTER"] ?? "coracle";

export interface SpareNode {
  readonly name: string;
  /** The container that is the node. */
  readonly container: string;
  /** Where the node keeps its own files, in that container. */
  readonly data: string;
}

/** One more node for the cluster, with settings and a small disk of its own. */
export async function startSpareNode(
  name: string,
  options: { readonly diskMiB: number; readonly settings: Readonly<Record<string, string>> },
): Promise<SpareNode> {
  const node: SpareNode = { name, container: `${cluster}-kubelet-${name}`, data: "/data" };
  await removeSpareNode(node);
  const disk = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", `o=size=${options.diskMiB}m`];
  await docker("volume", "create", "--label", `io.coracle.cluster=${cluster}`, ...disk, node.container);
  const settings = { ...options.settings, CORACLE_NODE_NAME: name, CORACLE_DATA: node.data };
  const composed = ["compose", "--project-name", cluster, "--project-directory", root];
  const started = ["run", "--detach", "--no-deps", "--name", node.container];
  const volume = ["--volume", `${node.container}:${node.data}`];
  const environment = Object.entries(settings).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  await must("docker", [...composed, ...started, ...volume, ...environment, "kubelet"]);
  await kubectl("wait", "--for=create", `node/${name}`, "--timeout=60s");
  await kubectl("wait", "--for=condition=Ready", `node/${name}`, "--timeout=60s");
  return node;
}

/** Removes the node and all it ran. No error for what is not there. */
export async function removeSpareNode({ name, container }: SpareNode): Promise<void> {
  await run("docker", ["rm", "--force", container]);
  await kubectl("delete", "node", name, "--ignore-not-found");
  const mine = [
    "--filter",
    `label=io.coracle.cluster=${cluster}`,
    "--filter",
    `label=io.coracle.node=${name}`,
  ];
  const lines = async (...args: string[]): Promise<string[]> =>
    (await docker(...args)).split("\n").filter(Boolean);
  const containers = await lines("ps", "--all", "--quiet", ...mine);
  if (containers.length > 0) await docker("rm", "--force", "--volumes", ...containers);
  const volumes = await lines("volume", "ls", "--quiet", ...mine);
  await run("docker", ["volume", "rm", "--force", container, ...volumes]);
}
