import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import type { Logger } from "@coracle/shared/log.ts";
import type { UdpFlows } from "./rules.ts";

const run = promisify(execFile);
/** A line per flow; a busy node tracks some hundred thousand. */
const maxListing = 128 * 1024 * 1024;

/** A tracked UDP flow: where its client sent it, and who answers. */
export interface Flow {
  readonly address: string;
  readonly port: string;
  readonly endpoint: string;
  readonly endpointPort: string;
}

const field = (name: string): string => `${name}=(\\S+)\\s+`;
const line = new RegExp(
  `src=\\S+\\s+${field("dst")}sport=\\S+\\s+${field("dport")}.*?${field("src")}dst=\\S+\\s+${field("sport")}`,
);

/** Reads what `conntrack -L -p udp` prints. */
export function parseFlows(text: string): Flow[] {
  const flows: Flow[] = [];
  for (const row of text.split("\n")) {
    const match = line.exec(row);
    if (!match) continue;
    const [, address = "", port = "", endpoint = "", endpointPort = ""] = match;
    flows.push({ address, port, endpoint, endpointPort });
  }
  return flows;
}

/** Those of the flows that a Service claims and that lead elsewhere than it does now. */
export function staleFlows(
  flows: readonly Flow[],
  allowed: UdpFlows,
  ownAddresses: ReadonlySet<string>,
): Flow[] {
  const stale = new Map<string, Flow>();
  for (const flow of flows) {
    const { address, port, endpoint, endpointPort } = flow;
    const endpoints =
      allowed.get(`${address} ${port}`) ?? (ownAddresses.has(address) ? allowed.get(`* ${port}`) : undefined);
    if (endpoints && !endpoints.has(`${endpoint} ${endpointPort}`))
      stale.set(`${address} ${port} ${endpoint}`, flow);
  }
  return [...stale.values()];
}

const localAddresses = (): Set<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((i) => i.address)));

/** conntrack's exit code when nothing matched. */
const nothingMatched = 1;

/**
 * Deletes tracked UDP flows that lead elsewhere than their Service does. Without it a client that keeps its socket would go on
 * sending to an endpoint that is gone, or to nobody, since UDP has no end that the tracker could see.
 */
export const forgetFlows =
  (log: Logger) =>
  async (allowed: UdpFlows): Promise<void> => {
    try {
      const { stdout } = await run("conntrack", ["-L", "-p", "udp"], { maxBuffer: maxListing });
      for (const flow of staleFlows(parseFlows(stdout), allowed, localAddresses())) await forget(flow);
    } catch (error) {
      log.warn({ err: error }, "stale flows not deleted");
    }
  };

async function forget({ address, port, endpoint }: Flow): Promise<void> {
  const match = ["--orig-dst", address, "--orig-port-dst", port, "--reply-src", endpoint];
  try {
    await run("conntrack", ["-D", "-p", "udp", ...match]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== nothingMatched) throw error;
  }
}
