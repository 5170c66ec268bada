import type { ApiRequest, ApiResponse } from "../request.ts";
import type { PathHandler } from "./non-resource.ts";

/** One named check: what is wrong, or nothing. */
export interface Check {
  readonly name: string;
  readonly run: () => string | undefined;
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

function answer(name: string, checks: readonly Check[], request: ApiRequest): ApiResponse | undefined {
  const only = request.path.split("/")[2];
  const excluded = request.query.getAll("exclude");
  const chosen = only
    ? checks.filter((c) => c.name === only)
    : checks.filter((c) => !excluded.includes(c.name));
  if (only && chosen.length === 0) return undefined;
  const results = chosen.map((check) => ({ name: check.name, wrong: check.run() }));
  const failed = results.filter((r) => r.wrong !== undefined);
  if (failed.length === 0 && !request.query.has("verbose")) return { status: 200, headers: text, body: "ok" };
  const lines = results.map((r) =>
    r.wrong === undefined ? `[+]${r.name} ok` : `[-]${r.name} failed: ${r.wrong}`,
  );
  if (!only) lines.push(...exclusions(excluded, checks));
  const verdict = `${name} check ${failed.length === 0 ? "passed" : "failed"}`;
  return {
    status: failed.length === 0 ? 200 : 500,
    headers: text,
    body: `${lines.join("\n")}\n${verdict}\n`,
  };
}
