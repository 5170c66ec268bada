import { BlockList, createServer } from "node:net";
import { services } from "./compose.ts";
import { exec, output, UserError } from "./exec.ts";
import { cluster } from "./paths.ts";

/** What can be seen before the start that would make it fail, said so that the user knows what to do. */
export async function checkBeforeStart(): Promise<void> {
  await Promise.all([checkPort(), checkSubnet()]);
}

function canListen(port: number, host: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, host, () => server.close(() => resolve(true)));
  return promise;
}

async function checkPort(): Promise<void> {
  const text = process.env["CORACLE_PORT"] ?? "6443";
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new UserError(`${text} is not a port`);
  const running = (await services()).some(
    ({ Service, State }) => Service === "apiserver" && State === "running",
  );
  if (running || (await canListen(port, process.env["CORACLE_ADDRESS"] ?? "127.0.0.1"))) return;
  throw new UserError(
    `Port ${port} is taken by another program. Choose another: ./coracle up --port ${port + 1}`,
  );
}

/** Whether two IPv4 ranges share an address. Malformed ones share none. */
export function overlap(a: string, b: string): boolean {
  const contains = (range: string, other: string): boolean => {
    const [base = "", prefix = "32"] = range.split("/");
    const list = new BlockList();
    list.addSubnet(base, Number(prefix));
    return list.check(other.split("/")[0] ?? "");
  };
  const isRange = (text: string): boolean => /^\d+(\.\d+){3}(\/\d+)?$/.test(text);
  return isRange(a) && isRange(b) && (contains(a, b) || contains(b, a));
}

/** Each Docker network's name and subnets. A network may go between the listing and the look. */
async function networks(attempts = 3): Promise<string[][]> {
  const ids = (await output("docker", ["network", "ls", "--quiet"])).split("\n").filter(Boolean);
  const format = "{{.Name}}{{range .IPAM.Config}} {{.Subnet}}{{end}}";
  try {
    const text = await output("docker", ["network", "inspect", "--format", format, ...ids]);
    return text
      .trim()
      .split("\n")
      .map((line) => line.trim().split(" "));
  } catch (error) {
    if (attempts > 1) return networks(attempts - 1);
    throw error;
  }
}

const nodesSubnet = (): string => process.env["CORACLE_NODES_SUBNET"] || "172.30.0.0/24";

/**
 * Docker gives the network `control` any range that is free, some day that of the nodes, whose network can then not be made: compose
 * makes them in no order. Removes such a one (one that is in use has been there before the nodes' was); Docker gives another
 * range next time. Resolves to whether there was one.
 */
export async function freeNodesRange(): Promise<boolean> {
  const control = `${cluster}_control`;
  const all = await networks();
  const isInTheWay = all.some(
    ([name, ...subnets]) => name === control && subnets.some((subnet) => overlap(subnet, nodesSubnet())),
  );
  return isInTheWay && (await exec("docker", ["network", "rm", control], { stdio: "ignore" })) === 0;
}

async function checkSubnet(): Promise<void> {
  const wanted = nodesSubnet();
  await freeNodesRange();
  for (const [name, ...subnets] of await networks()) {
    if (name === `${cluster}_nodes` || !subnets.some((subnet) => overlap(subnet, wanted))) continue;
    throw new UserError(
      `The Docker network ${name} has addresses of ${wanted}, which the nodes are to have. ` +
        "Choose another range: CORACLE_NODES_SUBNET=172.30.1.0/24 ./coracle up",
    );
  }
}
