import { rm } from "node:fs/promises";
import { compose } from "./compose.ts";
import { output, UserError } from "./exec.ts";
import { checkout, cluster, kubeconfigPath } from "./paths.ts";
import { sweepAll } from "./sweep/sweep.ts";

/** The folder that compose notes with each container of a project. */
const HOME = "com.docker.compose.project.working_dir";

/** The checkouts that a cluster was started from, as `docker ps` lists them, when the own one is not among them. Pure. */
export function otherHomes(listing: string, own: string): string[] {
  const homes = new Set(listing.split("\n").filter((home) => home !== ""));
  return homes.has(own) ? [] : [...homes];
}

/** A shell that lacks CORACLE_CLUSTER means the cluster "coracle", which may be somebody else's. */
async function refuseOthers(): Promise<void> {
  const filter = `label=com.docker.compose.project=${cluster}`;
  const format = `{{.Label "${HOME}"}}`;
  const listing = await output("docker", ["ps", "--all", "--filter", filter, "--format", format]);
  const homes = otherHomes(listing, checkout);
  if (homes.length > 0)
    throw new UserError(
      `The cluster "${cluster}" was started from ${homes.join(", ")}, not from ${checkout}. Run ./coracle down there, ` +
        "name your own with CORACLE_CLUSTER, or say --force.",
    );
}

/** Removes the cluster: its containers, the pods' containers, volumes and networks. */
export async function down(options: { keepData?: boolean; force?: boolean }): Promise<void> {
  if (options.force !== true) await refuseOthers();
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
