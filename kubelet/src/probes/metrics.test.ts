import { expect, test } from "vitest";
import { createProbeMetrics, type ProbeMetrics } from "./metrics.ts";

const probed = { container: "c", pod: "p", namespace: "n", uid: "u" } as const;
const series = async (metrics: ProbeMetrics): Promise<string[]> =>
  (await metrics.text())
    .split("\n")
    .filter((line) => /^prober_probe_(total|duration_seconds_count)/.test(line));

test("probes are counted by kind and result, and are gone with their pod", async () => {
  const metrics = createProbeMetrics();
  metrics.count({ ...probed, kind: "readiness" }, "success", 0.01);
  metrics.count({ ...probed, kind: "readiness" }, "warning", 0.01);
  metrics.count({ ...probed, kind: "readiness" }, "failure", 1);
  metrics.count({ ...probed, kind: "liveness", uid: "other", pod: "q" }, "unknown", 0.01);
  expect((await series(metrics)).toSorted()).toEqual([
    'prober_probe_duration_seconds_count{probe_type="Liveness",container="c",pod="q",namespace="n"} 1',
    'prober_probe_duration_seconds_count{probe_type="Readiness",container="c",pod="p",namespace="n"} 2',
    'prober_probe_total{probe_type="Liveness",container="c",pod="q",namespace="n",pod_uid="other",result="unknown"} 1',
    'prober_probe_total{probe_type="Readiness",container="c",pod="p",namespace="n",pod_uid="u",result="failed"} 1',
    'prober_probe_total{probe_type="Readiness",container="c",pod="p",namespace="n",pod_uid="u",result="successful"} 2',
  ]);
  metrics.forget("u");
  expect(await series(metrics)).toHaveLength(2);
});
