import fc from "fast-check";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createRedisStore } from "../store/redis.ts";
import { startTestRedis, type TestRedis } from "../store/test-redis.ts";
import { startInProcess, type InProcessApi } from "../testing/in-process.ts";
import { raw, type RawAnswer } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
let redis: TestRedis;
let apis: InProcessApi[];

/** Two API servers on one Redis: each has a cache of its own, which may be behind. */
beforeAll(async () => {
  redis = await startTestRedis();
  const open = () => startInProcess({ store: createRedisStore({ redis: redis.options }) });
  apis = [await open(), await open()];
  const namespace = { body: { metadata: { name: "default" } } };
  if (apis[0]) await raw(apis[0], "POST", "/api/v1/namespaces", namespace);
});
afterAll(async () => {
  for (const api of apis) await api.stop();
  await redis.remove();
});

type Operation = "create" | "patch" | "replace" | "delete" | "get";
interface Done {
  readonly operation: Operation;
  /** What it writes. */
  readonly value: string;
  readonly started: number;
  readonly ended: number;
  readonly answer: RawAnswer<KubeObject & { data?: Record<string, string> }>;
}

/** One client's operations on one object, one after the other, through one of the servers or the other. */
async function client(name: string, number: number, operations: readonly Operation[]): Promise<Done[]> {
  const done: Done[] = [];
  for (const [i, operation] of operations.entries()) {
    const api = apis[(number + i) % apis.length];
    if (!api) throw new Error("there is no server");
    const value = `${number}.${i}`;
    const started = performance.now();
    const answer = await ask(api, { name, operation, value });
    done.push({ operation, value, started, ended: performance.now(), answer });
  }
  return done;
}

function ask(
  api: InProcessApi,
  { name, operation, value }: { name: string; operation: Operation; value: string },
) {
  const data = { [value]: value };
  const path = `${maps}/${name}`;
  const headers = { "content-type": "application/merge-patch+json" };
  switch (operation) {
    case "create":
      return raw<Done["answer"]["body"]>(api, "POST", maps, { body: { metadata: { name }, data } });
    case "patch":
      return raw<Done["answer"]["body"]>(api, "PATCH", path, { body: { data }, headers });
    case "replace":
      return raw<Done["answer"]["body"]>(api, "PUT", path, { body: { metadata: { name }, data } });
    case "delete":
      return raw<Done["answer"]["body"]>(api, "DELETE", path);
    case "get":
      return raw<Done["answer"]["body"]>(api, "GET", path);
  }
}

/** Tries to put what happened in an order that one client alone could have seen; the state is the data, or undefined. */
function isLinearizable(history: readonly Done[]): boolean {
  const seen = new Set<string>();
  const search = (left: readonly number[], state: string | undefined): boolean => {
    if (left.length === 0) return true;
    const id = `${left.join()}|${state}`;
    if (seen.has(id)) return false;
    seen.add(id);
    const of = (i: number): Done => history[i] as Done;
    const firstEnd = Math.min(...left.map((i) => of(i).ended));
    return left.some((i) => {
      // What began after another had ended cannot come before it.
      if (of(i).started > firstEnd) return false;
      const next = apply(of(i), state);
      return (
        next.fits &&
        search(
          left.filter((j) => j !== i),
          next.state,
        )
      );
    });
  };
  return search(
    history.map((_, i) => i),
    undefined,
  );
}

const stateOf = (entries: readonly [string, string][]): string =>
  JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** Whether an answer is right in this state, and the state that it leaves. */
function apply(
  { operation, value, answer }: Done,
  state: string | undefined,
): { fits: boolean; state: string | undefined } {
  const { status, body } = answer;
  const shown = body.data && stateOf(Object.entries(body.data));
  const became = (entries: [string, string][]): { fits: boolean; state: string } => {
    const next = stateOf(entries);
    return { fits: shown === next, state: next };
  };
  if (status === 404) return { fits: state === undefined && operation !== "create", state };
  // None of these writes insists on a version: only a name that is taken is a conflict.
  if (status === 409) return { fits: operation === "create" && state !== undefined, state };
  if (operation === "create")
    return status === 201 && state === undefined ? became([[value, value]]) : { fits: false, state };
  if (status !== 200 || state === undefined) return { fits: false, state };
  if (operation === "get") return { fits: shown === state, state };
  if (operation === "delete") return { fits: true, state: undefined };
  const entries = operation === "patch" ? (JSON.parse(state) as [string, string][]) : [];
  return became([...entries, [value, value]]);
}

let rounds = 0;
const operation = fc.constantFrom<Operation>("create", "patch", "patch", "replace", "delete", "get");

it("any sequence of concurrent writes and reads of an object could have happened one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 4 }),
      async (clients) => {
        const name = `o${rounds++}`;
        const history = await Promise.all(clients.map((operations, i) => client(name, i, operations)));
        const told = history
          .flat()
          .map(
            (d) =>
              `${d.operation} ${d.value} → ${d.answer.status} ${JSON.stringify(d.answer.body.data ?? (d.answer.body as { message?: string }).message)}`,
          );
        expect(isLinearizable(history.flat()), told.join("\n")).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
}, 120_000);
