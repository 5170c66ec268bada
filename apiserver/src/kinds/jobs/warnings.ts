import type { JobSpec } from "@coracle/shared/api/generated/batch-v1.ts";
import type { Path } from "../../registry/field.ts";
import { isNew, templateWarnings, type Workload } from "../shared/pod/warnings.ts";

/** The advice about a job, or about the jobs of a cron job: `owner` is what is written. */
export function jobWarnings(
  spec: JobSpec | undefined,
  at: Path,
  owner: Workload,
  old: Workload | undefined,
): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec ?? {};
  const tooMany = completionMode === "Indexed" && completions > 100_000 && parallelism > 10_000;
  return [
    ...(tooMany && isNew(owner, old)
      ? [
          `${at.text}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
        ]
      : []),
    ...templateWarnings(template, at.child("template"), owner, old),
  ];
}
