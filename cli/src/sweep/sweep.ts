import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What is left of a cluster in the engine, and its removal. Talks to the engine's socket itself, to start fast. */
export interface EngineOptions {
  readonly socket: string;
  readonly cluster: string;
}

interface Labelled {
  readonly Id?: string;
  readonly Name?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly State?: string;
}

export interface Swept {
  readonly containers: number;
  readonly volumes: number;
  readonly networks: number;
}

function call(socket: string, method: string, path: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  request({ socketPath: socket, method, path }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    response.once("error", reject).once("end", () => {
      const status = response.statusCode ?? 0;
      // Gone already is as good as removed.
      if (status < 300 || (method === "DELETE" && status === 404))
        resolve(body === "" ? null : JSON.parse(body));
      else reject(new Error(`engine: ${method} ${path}: ${status} ${body.trim()}`));
    });
  })
    .once("error", reject)
    .end();
  return promise;
}

const filters = (...labels: string[]): string =>
  `filters=${encodeURIComponent(JSON.stringify({ label: labels }))}`;

const listContainers = (socket: string, ...labels: string[]): Promise<Labelled[]> =>
  call(socket, "GET", `/containers/json?all=1&${filters(...labels)}`) as Promise<Labelled[]>;

const listService = ({ socket, cluster }: EngineOptions, service: string): Promise<Labelled[]> =>
  listContainers(
    socket,
    `com.docker.compose.project=${cluster}`,
    `com.docker.compose.service=${service}`,
    "com.docker.compose.oneoff=False",
  );

/** How long to wait for nodes that still run, for the removal of one that has ended, and between two looks, in milliseconds. */
export interface Patience {
  readonly runningMs: number;
  readonly endedMs: number;
  readonly everyMs: number;
}

/** Compose ends a service within ten seconds, and removes what it has ended at once. */
const patience: Patience = { runningMs: 8_000, endedMs: 2_000, everyMs: 200 };

/**
 * Whether any node of the cluster stays, running or not. Compose ends nodes first, but not after `up --no-deps`, which makes it
 * forget the order: then they are ended at the same time as the sweeper that asks, and are waited for. Not so by a sweeper whose
 * successor is there already: the cluster goes on.
 */
export async function nodesRemain(
  options: EngineOptions,
  { runningMs, endedMs, everyMs } = patience,
): Promise<boolean> {
  const isReplaced = (await listService(options, "sweeper")).length > 1;
  const isRunning = ({ State }: Labelled): boolean => State === "running";
  const end = Date.now() + runningMs;
  let lastRan = Date.now();
  for (;;) {
    const nodes = await listService(options, "kubelet");
    if (nodes.length === 0) return false;
    if (isReplaced) return true;
    const now = Date.now();
    if (nodes.some(isRunning)) lastRan = now;
    if (now > end || now - lastRan > endedMs) return true;
    await sleep(everyMs);
  }
}

/** Removes what kubelets made: pods' containers with their anonymous volumes, and volumes that carry a node's label. */
export async function sweepNodes({ socket, cluster }: EngineOptions): Promise<Swept> {
  const labels = [`io.coracle.cluster=${cluster}`, "io.coracle.node"];
  const containers = await listContainers(socket, ...labels);
  await removeContainers(socket, containers);
  const listed = (await call(socket, "GET", `/volumes?${filters(...labels)}`)) as {
    Volumes: Labelled[] | null;
  };
  const volumes = listed.Volumes ?? [];
  await Promise.all(volumes.map(({ Name }) => call(socket, "DELETE", `/volumes/${Name}?force=1`)));
  return { containers: containers.length, volumes: volumes.length, networks: 0 };
}

/** Removes everything that carries the cluster's label, the compose services' things too. */
export async function sweepAll(options: EngineOptions): Promise<Swept> {
  const { socket, cluster } = options;
  const label = `io.coracle.cluster=${cluster}`;
  // First the nodes, else they would start their pods again.
  const nodes = await listContainers(socket, label, "com.docker.compose.service=kubelet");
  await removeContainers(socket, nodes);
  const pods = await sweepNodes(options);
  const rest = await listContainers(socket, label);
  await removeContainers(socket, rest);
  const listed = (await call(socket, "GET", `/volumes?${filters(label)}`)) as { Volumes: Labelled[] | null };
  const volumes = listed.Volumes ?? [];
  await Promise.all(volumes.map(({ Name }) => call(socket, "DELETE", `/volumes/${Name}?force=1`)));
  const networks = (await call(socket, "GET", `/networks?${filters(label)}`)) as Labelled[];
  await Promise.all(networks.map(({ Id }) => call(socket, "DELETE", `/networks/${Id}`)));
  return {
    containers: nodes.length + pods.containers + rest.length,
    volumes: pods.volumes + volumes.length,
    networks: networks.length,
  };
}

/** Apps before sandboxes: a sandbox's volumes can go only when nothing else holds them. */
async function removeContainers(socket: string, containers: readonly Labelled[]): Promise<void> {
  const isSandbox = ({ Labels }: Labelled): boolean => Labels?.["io.coracle.type"] === "sandbox";
  for (const group of [containers.filter((c) => !isSandbox(c)), containers.filter(isSandbox)])
    await Promise.all(group.map(({ Id }) => call(socket, "DELETE", `/containers/${Id}?force=1&v=1`)));
}
