import { readFileSync } from "node:fs";
import Docker from "dockerode";

const ticksPerSecond = 100;
const docker = new Docker();

/** The kubelet of a node, seen from the machine it runs on. */
export interface NodeProcess {
  /** Resident memory in MiB. */
  memory(): number;
  /** CPU seconds since its start. */
  cpu(): number;
}

/** @param node `node-2`: the second replica of the compose service `kubelet` */
export async function kubeletOf(node: string): Promise<NodeProcess> {
  const cluster = process.env["CORACLE_CLUSTER"] ?? "coracle";
  const { State } = await docker.getContainer(`${cluster}-kubelet-${node.replace(/^node-/, "")}`).inspect();
  const read = (file: string): string => readFileSync(`/proc/${State.Pid}/${file}`, "utf8");
  return {
    memory: () => Number(/VmRSS:\s+(\d+)/.exec(read("status"))?.[1] ?? Number.NaN) / 1024,
    cpu() {
      // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
      const fields = read("stat").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
  };
}
