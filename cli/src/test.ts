import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { exec, UserError } from "./exec.ts";
import { checkout, kubeconfigPath, state } from "./paths.ts";
import { toolPath } from "./tools.ts";
import { up } from "./up.ts";

export const SUITES = ["unit", "integration", "e2e"] as const;
export type Suite = (typeof SUITES)[number];

interface Counts {
  passed: number;
  failed: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

async function runSuite(suite: Suite, filters: readonly string[]): Promise<Counts> {
  const report = join(state, `report-${suite}.json`);
  await rm(report, { force: true });
  console.log(`\n# ${suite} tests`);
  const code = await exec(
    join(checkout, "node_modules/.bin/vitest"),
    [
      "run",
      "--project",
      suite,
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...filters,
    ],
    { cwd: checkout, env: { KUBECONFIG: kubeconfigPath } },
  );
  const text = await readFile(report, "utf8").catch(() => undefined);
  if (text === undefined) return { passed: 0, failed: code === 0 ? 0 : 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(text) as Report;
  // A file that could not be loaded has no test to count, but it failed.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  const failed = numFailedTests + broken.length;
  // Errors outside of any test (an unhandled rejection) end vitest with a status of their own.
  return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed };
}

/** Brings up what the end-to-end tests need; a cluster that does not come up is one failure. */
async function prepareCluster(): Promise<boolean> {
  try {
    await toolPath("kubectl", { own: true });
    await up({ testImages: true });
    return true;
  } catch (error) {
    console.error(error instanceof UserError ? error.message : error);
    return false;
  }
}

/** Runs the suites and ends with one line of counts. The result is the exit status. */
export async function test(suites: readonly Suite[], filters: readonly string[]): Promise<number> {
  await mkdir(state, { recursive: true });
  const total: Counts = { passed: 0, failed: 0 };
  for (const suite of SUITES.filter((name) => suites.includes(name))) {
    if (suite === "e2e" && !(await prepareCluster())) {
      total.failed++;
      continue;
    }
    const counts = await runSuite(suite, filters);
    total.passed += counts.passed;
    total.failed += counts.failed;
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}
