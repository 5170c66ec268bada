/** The text format of Prometheus for the series that dashboards and metrics servers read most. Pure. */
import type { ContainerReading, PodReading, Reading } from "./reading.ts";
import type { PodDisk } from "./summary.ts";

type Labels = Readonly<Record<string, string>>;
interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly atMs?: number | undefined;
}
interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
}

const escape = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

function line(name: string, { labels, value, atMs }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`);
  const set = pairs.length > 0 ? `{${pairs.join(",")}}` : "";
  return `${name}${set} ${value}${atMs === undefined ? "" : ` ${Math.round(atMs)}`}`;
}

const write = (families: readonly Family[]): string =>
  families
    .filter((family) => family.samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((s) => line(name, s)), ""].join(
        "\n",
      ),
    )
    .join("");

const SECOND = 1e9;
const sum = (containers: readonly ContainerReading[], value: (c: ContainerReading) => number): number =>
  containers.reduce((total, c) => total + value(c), 0);
const started = (c: ContainerReading): number => (c.container.startedAt ?? c.container.createdAt) / 1000;

/** `/metrics/resource`: what a metrics server scrapes. */
export function resourceMetrics({ node, pods }: Reading): string {
  const at = node.atMs;
  const apps = pods.flatMap((pod) =>
    pod.containers.filter((c) => !c.sandbox).map((c) => ({ c, labels: appLabels(pod, c) })),
  );
  const whole = (value: (c: ContainerReading) => number): Sample[] =>
    pods.map((pod) => ({
      labels: { namespace: pod.namespace, pod: pod.name },
      value: sum(pod.containers, value),
      atMs: at,
    }));
  const each = (value: (c: ContainerReading) => number): Sample[] =>
    apps.map(({ c, labels }) => ({ labels, value: value(c), atMs: c.stats.atMs }));
  const seconds = (c: ContainerReading): number => c.stats.cpuNanos / SECOND;
  const workingSet = (c: ContainerReading): number => c.stats.workingSetBytes;
  return write([
    counter("container_cpu_usage_seconds_total", "CPU time used by a container.", each(seconds)),
    gauge("container_memory_working_set_bytes", "Working set of a container.", each(workingSet)),
    gauge(
      "container_start_time_seconds",
      "When a container started.",
      apps.map(({ c, labels }) => ({ labels, value: started(c) })),
    ),
    counter("node_cpu_usage_seconds_total", "CPU time used on the node.", [
      { labels: {}, value: node.cpuNanos / SECOND, atMs: at },
    ]),
    gauge("node_memory_working_set_bytes", "Working set of the node.", [
      { labels: {}, value: node.memory.workingSetBytes, atMs: at },
    ]),
    counter("pod_cpu_usage_seconds_total", "CPU time used by a pod.", whole(seconds)),
    gauge("pod_memory_working_set_bytes", "Working set of a pod.", whole(workingSet)),
    gauge("resource_scrape_error", "1 when a figure could not be read.", [{ labels: {}, value: 0 }]),
  ]);
}

const appLabels = (pod: PodReading, c: ContainerReading): Labels => ({
  container: c.name,
  namespace: pod.namespace,
  pod: pod.name,
});

export interface Machine {
  readonly cores: number;
  readonly disk: (uid: string) => PodDisk | undefined;
}

/** `/metrics/cadvisor`: the container series under the names that dashboards know. */
export function containerMetrics(reading: Reading, machine: Machine): string {
  const { node, pods } = reading;
  const all = pods.flatMap((pod) => pod.containers.map((c) => ({ pod, c, labels: labelsOf(pod, c) })));
  const each = (value: (c: ContainerReading) => number): Sample[] =>
    all.map(({ c, labels }) => ({ labels, value: value(c), atMs: c.stats.atMs }));
  const disk = all.flatMap(({ pod, c, labels }): Sample[] => {
    const usage = machine.disk(pod.uid)?.rootfs.get(c.name);
    return usage ? [{ labels, value: usage.bytes, atMs: usage.atMs }] : [];
  });
  return write([
    counter(
      "container_cpu_usage_seconds_total",
      "CPU time used.",
      each((c) => c.stats.cpuNanos / SECOND),
    ),
    gauge(
      "container_memory_usage_bytes",
      "Memory in use, with caches.",
      each((c) => c.stats.memoryBytes),
    ),
    gauge(
      "container_memory_working_set_bytes",
      "Working set.",
      each((c) => c.stats.workingSetBytes),
    ),
    gauge(
      "container_memory_rss",
      "Anonymous memory.",
      each((c) => c.stats.rssBytes),
    ),
    gauge(
      "container_spec_memory_limit_bytes",
      "Memory limit; 0 for none.",
      each((c) => (c.stats.memoryLimitBytes < 2 ** 60 ? c.stats.memoryLimitBytes : 0)),
    ),
    gauge(
      "container_processes",
      "Processes in a container.",
      each((c) => c.stats.pids),
    ),
    gauge("container_start_time_seconds", "When a container started.", each(started)),
    gauge(
      "container_last_seen",
      "When a container was last seen.",
      each((c) => c.stats.atMs / 1000),
    ),
    gauge("container_fs_usage_bytes", "Written to the root file system.", disk),
    ...networkFamilies(pods, node.atMs),
    gauge("machine_cpu_cores", "Processors of the machine.", [{ labels: {}, value: machine.cores }]),
    gauge("machine_memory_bytes", "Memory of the machine.", [{ labels: {}, value: node.memory.totalBytes }]),
  ]);
}

const labelsOf = (pod: PodReading, c: ContainerReading): Labels => ({
  container: c.name,
  id: `/docker/${c.container.id}`,
  image: c.container.image,
  name: c.container.name,
  namespace: pod.namespace,
  pod: pod.name,
});

function networkFamilies(pods: readonly PodReading[], atMs: number): Family[] {
  const series = (field: "rxBytes" | "rxErrors" | "txBytes" | "txErrors"): Sample[] =>
    pods.flatMap((pod) => {
      const sandbox = pod.containers.find((c) => c.sandbox);
      const base = sandbox && labelsOf(pod, sandbox);
      return pod.network.map((i) => ({
        labels: { ...base, interface: i.name, namespace: pod.namespace, pod: pod.name },
        value: i[field],
        atMs,
      }));
    });
  return [
    counter("container_network_receive_bytes_total", "Bytes received.", series("rxBytes")),
    counter("container_network_receive_errors_total", "Errors in receiving.", series("rxErrors")),
    counter("container_network_transmit_bytes_total", "Bytes sent.", series("txBytes")),
    counter("container_network_transmit_errors_total", "Errors in sending.", series("txErrors")),
  ];
}

const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: "counter",
  help,
  samples,
});
const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: "gauge",
  help,
  samples,
});
