import { expect, onTestFinished, test } from "vitest";
import type { Table } from "./table.ts";

/** What an operator does to a node. */
export function nodes(table: Table): void {
  const { plain, tryPlain } = table.cli;
  const { ns, node } = table;
  test("cordon, drain, uncordon, taint", async () => {
    onTestFinished(async () => void (await tryPlain("uncordon", node)));
    expect(await plain("cordon", node)).toBe(`node/${node} cordoned\n`);
    expect(await plain("get", "node", node)).toContain("Ready,SchedulingDisabled");
    const drained = await plain(
      "drain",
      node,
      "--ignore-daemonsets",
      "--delete-emptydir-data",
      "--force",
      `--pod-selector=of=${ns}`,
      "--timeout=60s",
    );
    expect(drained).toMatch(/^node\/\S+ (drained|evicted)$/m);
    expect(await plain("uncordon", node)).toBe(`node/${node} uncordoned\n`);
    expect(await plain("taint", "node", node, "e2e=1:PreferNoSchedule")).toBe(`node/${node} tainted\n`);
    expect(await plain("taint", "node", node, "e2e-")).toBe(`node/${node} untainted\n`);
  });
}
