/**
 * exec and logs through kubectl's way (client → API server → bus → kubelet → engine), against the engine's own command line.
 *
 *   node bench/streams.ts [MiB=8]; logs are rotated at 10 MiB
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import Docker from "dockerode";
import { pods } from "@coracle/shared/api/resources.ts";
import { openBench } from "./cluster.ts";
import { median, milliseconds, report } from "./measure.ts";
import { kubeletOf } from "./node-process.ts";

const rounds = 9;
const size = Number(process.argv[2] ?? 8) * 1024 * 1024;
const line = "0123456789abcde0123456789abcde0123456789abcde0123456789abcdefgh\n";
const docker = new Docker();

/** Runs a program to its end and counts what it prints. */
async function bytesOf(program: string, ...args: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => (bytes += chunk.length));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${code}`);
  return bytes;
}
async function rate(program: string, ...args: string[]): Promise<number> {
  let bytes = 0;
  const time = await milliseconds(async () => (bytes = await bytesOf(program, ...args)));
  if (bytes !== size) throw new Error(`${program}: ${bytes} of ${size} bytes came`);
  return size / 1024 / 1024 / (time / 1000);
}
async function roundTrip(program: string, ...args: string[]): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await milliseconds(() => bytesOf(program, ...args)));
  return median(times);
}

await using bench = await openBench();
const { client, namespace } = bench;
const fill = `yes ${line.trim()} | head -c ${size}`;
await client.create(pods, {
  metadata: { name: "talk", namespace },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "main",
        image: "busybox:1.36",
        command: ["sh", "-c", `${fill}; exec sleep 3600`],
        // The share of a pod that asks for none would measure how busy the machine is.
        resources: { requests: { cpu: "500m" } },
      },
    ],
  },
});
await bench.ready(1);
const pod = await client.get(pods, { namespace, name: "talk" });
const kubelet = await kubeletOf(pod.spec?.nodeName ?? "");
const filters = { label: [`io.kubernetes.pod.uid=${pod.metadata.uid}`, "io.kubernetes.container.name=main"] };
const [container] = await docker.listContainers({ filters });
const id = container?.Id ?? "";
const kubectl = (...args: string[]): [string, ...string[]] => ["kubectl", "-n", namespace, ...args];
while ((await bytesOf("docker", "logs", id)) < size) await new Promise((r) => setTimeout(r, 500));

const memory = kubelet.memory();
const rows = [
  {
    what: "exec of true, p50",
    value: await roundTrip(...kubectl("exec", "talk", "--", "true")),
    floor: await roundTrip("docker", "exec", id, "true"),
    unit: "ms",
  },
  {
    what: "exec, output",
    value: await rate(...kubectl("exec", "talk", "--", "sh", "-c", fill)),
    floor: await rate("docker", "exec", id, "sh", "-c", fill),
    unit: "MiB/s",
  },
  {
    what: "logs",
    value: await rate(...kubectl("logs", "talk")),
    floor: await rate("docker", "logs", id),
    unit: "MiB/s",
  },
  { what: "kubelet's memory grew by", value: kubelet.memory() - memory, unit: "MiB", goal: "a few MiB" },
] as const;
report(rows);
process.exit(0);
