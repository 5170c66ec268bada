import { Counter, Gauge } from "prom-client";
import type { FlowControl, LevelStats } from "./flow-control.ts";

/** Registers what upstream calls `apiserver_flowcontrol_…`; read when it is asked for. */
export function registerFlowMetrics(flows: FlowControl): void {
  const perLevel = (name: string, help: string, read: (level: LevelStats) => number): void => {
    new Gauge({
      name: `apiserver_flowcontrol_${name}`,
      help,
      labelNames: ["priority_level"],
      collect() {
        this.reset();
        for (const stats of flows.stats()) this.set({ priority_level: stats.level }, read(stats));
      },
    });
  };
  perLevel("nominal_limit_seats", "Seats of a level by its shares.", (l) => l.nominal);
  perLevel("current_executing_requests", "Requests under way.", (l) => l.executing);
  perLevel("current_executing_seats", "Seats taken.", (l) => l.executing);
  perLevel("current_inqueue_requests", "Requests that wait.", (l) => l.waiting);
  // Counted by the flows themselves; what is shown here is their count.
  new Counter({
    name: "apiserver_flowcontrol_dispatched_requests_total",
    help: "Requests that have begun.",
    labelNames: ["priority_level"],
    collect() {
      this.reset();
      for (const { level, dispatched } of flows.stats()) this.inc({ priority_level: level }, dispatched);
    },
  });
  new Counter({
    name: "apiserver_flowcontrol_rejected_requests_total",
    help: "Requests refused, and why.",
    labelNames: ["priority_level", "reason"],
    collect() {
      this.reset();
      for (const { level, rejected } of flows.stats()) {
        for (const [reason, count] of Object.entries(rejected))
          this.inc({ priority_level: level, reason }, count);
      }
    },
  });
}
