import type { ApiRequest, ApiResponse } from "../request.ts";
import type { PathHandler } from "./non-resource.ts";

/** One named check: what is wrong, or nothing. */
export interface Check {
  readonly name: string;
  readonly run: () => string | undefined | Promise<string | undefined>;
}

export interface HealthChecks {
  /** The process lives: a restart would not help otherwise. */
  readonly live: readonly Check[];
  /** It can serve requests now. */
  readonly ready: readonly Check[];
}

const text = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

/** Serves /livez, /readyz and /healthz, `?verbose`, `?exclude=` and a path per check, in upstream's form. */
export function healthPaths(checks: HealthChecks): Map<string, PathHandler> {
  const paths = new Map<string, PathHandler>();
  const everything = { livez: checks.live, readyz: checks.ready, healthz: checks.ready };
  for (const [name, list] of Object.entries(everything)) {
    const handler: PathHandler = (request) => answer(name, list, request);
    paths.set(`/${name}`, handler);
    paths.set(`/${name}/`, handler);
  }
  paths.set("/metrics/slis", healthMetrics(checks));
  return paths;
}

/** What became of the wishes to leave checks out. */
function exclusions(wished: readonly string[], checks: readonly Check[]): string[] {
  const known = new Set(checks.map((c) => c.name));
  const strangers = wished.filter((name) => !known.has(name)).toSorted();
  return [
    ...wished.filter((name) => known.has(name)).map((name) => `[+]${name} excluded: ok`),
    ...(strangers.length > 0
      ? [
          `warn: some health checks cannot be excluded: no matches for ${strangers.map((s) => JSON.stringify(s)).join(", ")}`,
        ]
      : []),
  ];
}

/** The checks that a request asks for, done. @returns undefined for one that there is not */
function answer(
  name: string,
  checks: readonly Check[],
  request: ApiRequest,
): Promise<ApiResponse> | undefined {
  const only = request.path.split("/")[2];
  const excluded = request.query.getAll("exclude");
  const chosen = only
    ? checks.filter((c) => c.name === only)
    : checks.filter((c) => !excluded.includes(c.name));
  if (only && chosen.length === 0) return undefined;
  if (only && chosen[0]) return alone(chosen[0]);
  return verdict(chosen, {
    name,
    verbose: request.query.has("verbose"),
    notes: exclusions(excluded, checks),
  });
}

/** The answer of a check's own path, which alone says what is wrong: the paths of all may be asked by anyone. */
async function alone(check: Check): Promise<ApiResponse> {
  const wrong = await check.run();
  if (wrong === undefined) return { status: 200, headers: text, body: "ok" };
  return { status: 500, headers: text, body: `internal server error: ${wrong}\n` };
}

interface Told {
  readonly name: string;
  readonly verbose: boolean;
  readonly notes: readonly string[];
}

async function verdict(checks: readonly Check[], { name, verbose, notes }: Told): Promise<ApiResponse> {
  const results = await runAll(checks);
  const passed = results.every((r) => r.wrong === undefined);
  if (passed && !verbose) return { status: 200, headers: text, body: "ok" };
  const lines = results.map((r) =>
    r.wrong === undefined ? `[+]${r.name} ok` : `[-]${r.name} failed: reason withheld`,
  );
  const last = `${name} check ${passed ? "passed" : "failed"}`;
  return {
    status: passed ? 200 : 500,
    headers: text,
    body: `${[...lines, ...notes, last].join("\n")}\n`,
  };
}

const runAll = (checks: readonly Check[]): Promise<{ name: string; wrong: string | undefined }[]> =>
  Promise.all(checks.map(async (check) => ({ name: check.name, wrong: await check.run() })));

/** GET /metrics/slis: each check as a metric, for service level indicators. */
const healthMetrics =
  (checks: HealthChecks): PathHandler =>
  async () => {
    const lines = await Promise.all(
      Object.entries({ livez: checks.live, readyz: checks.ready, healthz: checks.ready }).map(
        async ([type, list]) =>
          (await runAll(list)).map(
            ({ name, wrong }) =>
              `kubernetes_healthcheck{name="${name}",type="${type}"} ${wrong === undefined ? 1 : 0}\n`,
          ),
      ),
    );
    const head =
      "# HELP kubernetes_healthcheck The result of a health check.\n# TYPE kubernetes_healthcheck gauge\n";
    return { status: 200, headers: text, body: head + lines.flat().join("") };
  };
