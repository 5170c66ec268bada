import { clusterContainers } from "./containers.ts";
import { report, type Row } from "./measure.ts";

/** What a cluster that has nothing to do takes: CPU time of each process's control group over a minute, and resident memory. */
const seconds = Number(process.argv[2] ?? 60);
const containers = clusterContainers();
const before = containers.map((c) => c.cpuMs());
const began = performance.now();
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const elapsed = performance.now() - began;
const shares = containers.map((c, i) => ((c.cpuMs() - (before[i] ?? 0)) / elapsed) * 100);
const total = shares.reduce((sum, share) => sum + share, 0);
const rows: Row[] = containers.flatMap(({ name, residentMiB, proportionalMiB }, i) => [
  { what: name, value: shares[i] ?? Number.NaN, unit: "%" as const },
  { what: "  resident", value: residentMiB(), unit: "MiB" as const },
  { what: "  with shared pages counted in part", value: proportionalMiB(), unit: "MiB" as const },
]);
report([...rows, { what: "all, of one core", value: total, unit: "%", goal: "< 1 %" }]);
