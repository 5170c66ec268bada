import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** End-to-end files that leave the cluster shaken come after all others, in this order. */
const LAST = ["kubelet-crash.e2e.ts", "node-loss.e2e.ts", "chaos.e2e.ts"];

/** A busy machine makes a test slow, not wrong. */
const PATIENT = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 30_000 } } };

/** End-to-end files by name, so that each run is like the one before; all others as vitest thinks best. */
class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): string =>
      `${LAST.indexOf(basename(moduleId)) + 1} ${moduleId}`;
    const ordered = files.filter(({ project }) => project.name === "e2e");
    const free = files.filter(({ project }) => project.name !== "e2e");
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array that is sorted
    return [...(await super.sort(free)), ...ordered.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: Sequencer },
    projects: [
      {
        test: {
          name: "unit",
          include: ["*/src/**/*.test.ts", "images/**/*.test.ts", "labs/**/*.test.ts"],
          exclude: ["**/*.integration.test.ts", "**/node_modules/**"],
          // Loading the same modules for every file takes longer than most tests do.
          isolate: false,
          ...PATIENT,
          maxWorkers: "100%",
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "integration",
          include: ["*/src/**/*.integration.test.ts"],
          ...PATIENT,
          // They measure and they count; each has the machine to itself.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/**/*.e2e.ts"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          // There is one cluster.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
