import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildImages } from "../../images/build.ts";
import { RunError } from "../../images/run.ts";
import { exec, UserError } from "./exec.ts";
import { checkout, kubeconfigPath, state } from "./paths.ts";
import { toolPath } from "./tools.ts";
import { up } from "./up.ts";

/** In the order they run: what fails fast comes first. */
export const SUITES = ["check", "unit", "integration", "e2e"] as const;
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

/** Formatting, lint and types, which count as one test. */
async function runCheck(): Promise<Counts> {
  console.log("\n# check");
  let good = true;
  for (const [command, ...args] of [
    ["oxfmt", "--check", "."],
    ["oxlint", "--type-aware", "--deny-warnings"],
    ["tsc", "-p", "tsconfig.json"],
  ] as const)
    good = (await exec(join(checkout, "node_modules/.bin", command), args, { cwd: checkout })) === 0 && good;
  return good ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

const preparations: Partial<Record<Suite, () => Promise<void>>> = {
  integration: async () => void (await buildImages({ tests: true })),
  e2e: async () => {
    await toolPath("kubectl", { own: true });
    await up({ testImages: true });
  },
};

/** Brings up what a suite needs; when it does not come up, that is one failure. */
async function prepare(suite: Suite): Promise<boolean> {
  try {
    await preparations[suite]?.();
    return true;
  } catch (error) {
    console.error(error instanceof UserError || error instanceof RunError ? error.message : error);
    return false;
  }
}

/** Runs the suites and ends with one line of counts. The result is the exit status. */
export async function test(suites: readonly Suite[], filters: readonly string[]): Promise<number> {
  await mkdir(state, { recursive: true });
  const total: Counts = { passed: 0, failed: 0 };
  for (const suite of SUITES.filter((name) => suites.includes(name))) {
    if (suite === "check" && filters.length > 0) continue; // It is of the whole tree.
    if (!(await prepare(suite))) {
      total.failed++;
      continue;
    }
    const counts = suite === "check" ? await runCheck() : await runSuite(suite, filters);
    total.passed += counts.passed;
    total.failed += counts.failed;
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}
