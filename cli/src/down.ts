import { rm } from "node:fs/promises";
import { compose } from "./compose.ts";
import { UserError } from "./exec.ts";
import { cluster, kubeconfigPath } from "./paths.ts";
import { sweepAll } from "./sweep/sweep.ts";

/** Removes the cluster: its containers, the pods' containers, volumes and networks. */
export async function down(options: { keepData?: boolean }): Promise<void> {
  const keep = options.keepData === true;
  const code = await compose(["down", "--remove-orphans", "--timeout", "10", ...(keep ? [] : ["--volumes"])]);
  if (code !== 0) throw new UserError("docker compose down failed");
  if (keep) return;
  // Compose knows its own things only. What a kubelet left, when it was killed say, is found by its label.
  const socket = process.env["DOCKER_HOST"]?.replace(/^unix:\/\//, "") ?? "/var/run/docker.sock";
  const left = await sweepAll({ socket, cluster });
  await rm(kubeconfigPath, { force: true });
  if (left.containers + left.volumes + left.networks > 0)
    console.error(
      `Removed besides: ${left.containers} containers, ${left.volumes} volumes, ${left.networks} networks.`,
    );
}
