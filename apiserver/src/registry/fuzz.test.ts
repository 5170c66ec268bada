import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAdmit, selectPlugins } from "../admission/index.ts";
import { createRbac } from "../authz/rbac.ts";
import { arbitraryObject } from "../kinds/arbitrary.test-support.ts";
import { kinds } from "../kinds/index.ts";
import { startInProcess, type InProcessApi } from "../testing/in-process.ts";
import { raw, type RawAnswer } from "../testing/raw.ts";
import { createMemoryStore } from "../store/memory.ts";
import { createWatchCache } from "../watch/cache.ts";
import type { Kind } from "./kind.ts";
import { virtualHandler } from "./virtual/index.ts";

/** Damaged objects for each kind; the full run of 10,000 takes minutes: `CORACLE_FUZZ=10000`. */
const count = Number(process.env["CORACLE_FUZZ"] ?? 150);
const seed = Number(process.env["CORACLE_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

type Random = (below: number) => number;

function createRandom(from: number): Random {
  let state = from >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const junk: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 53,
  1e308,
  "",
  "\u0000",
  "\ud800",
  "é\n",
  "x".repeat(70_000),
  "__proto__",
  "-",
  "99999999999999999999",
  "1e999",
  "2026-13-45T99:99:99Z",
  [],
  [null],
  [[[]]],
  [{}, {}],
  {},
  { "": "" },
  { constructor: 1, toString: 2 },
  { a: { b: { c: {} } } },
];
const keys = [
  "",
  "metadata",
  "spec",
  "status",
  "items",
  "name",
  "unknownField",
  "constructor",
  "length",
  "a/b",
];

type Container = Record<string, unknown> | unknown[];
const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** Damages a JSON value somewhere inside. */
function damage(value: unknown, random: Random): void {
  let at = value;
  while (isContainer(at)) {
    const names = Object.keys(at);
    const name = names[random(names.length || 1)];
    if (name === undefined || random(6) === 0) {
      if (Array.isArray(at)) at.push(structuredClone(junk[random(junk.length)]));
      else at[keys[random(keys.length)] ?? ""] = structuredClone(junk[random(junk.length)]);
      return;
    }
    const holder = at as Record<string, unknown>;
    const child = holder[name];
    if (isContainer(child) && random(5) > 0) at = child;
    else {
      if (random(4) === 0) delete holder[name];
      else holder[name] = structuredClone(junk[random(junk.length)]);
      return;
    }
  }
}

/** Damages the text itself: cut off, or a character that does not belong. */
function damageText(text: string, random: Random): string {
  const at = random(text.length || 1);
  if (random(2) === 0) return text.slice(0, at);
  return text.slice(0, at) + String.fromCodePoint(random(0x250)) + text.slice(at + 1);
}

const patches = [
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/json-patch+json",
  "application/apply-patch+yaml",
];

const collection = (kind: Kind): string => {
  const version = kind.versions[0] ?? "v1";
  const root = kind.group ? `/apis/${kind.group}/${version}` : `/api/${version}`;
  return `${root}${kind.namespaced ? "/namespaces/default" : ""}/${kind.plural}`;
};

/** One request with a damaged object, by one of the verbs that take one. */
function send(api: InProcessApi, kind: Kind, object: object, random: Random): Promise<RawAnswer<unknown>> {
  const path = collection(kind);
  const name = "fuzzed";
  Object.assign((object as { metadata: object }).metadata, {
    name,
    namespace: kind.namespaced ? "default" : undefined,
  });
  for (let i = random(4) + 1; i > 0; i--) damage(object, random);
  const text = JSON.stringify(object);
  const body = random(8) === 0 ? damageText(text, random) : text;
  switch (random(4)) {
    case 0:
      return raw(api, "PUT", `${path}/${name}`, { body });
    case 1: {
      const type = patches[random(patches.length)] ?? "";
      const sub = kind.status && random(2) === 0 ? "/status" : "";
      return raw(api, "PATCH", `${path}/${name}${sub}?fieldManager=fuzz`, {
        body,
        headers: { "content-type": type },
      });
    }
    default:
      return raw(api, "POST", `${path}?fieldValidation=${random(2) === 0 ? "Strict" : "Warn"}`, { body });
  }
}

describe(`damaged objects (seed ${seed})`, () => {
  let api: Awaited<ReturnType<typeof startInProcess>>;
  beforeAll(async () => {
    api = await startWithAdmission();
  });
  afterAll(() => api.stop());

  const stored = kinds.filter((kind) => virtualHandlerOf(kind) === undefined);
  test.each(stored.map((kind) => [`${kind.plural}.${kind.group}`, kind] as const))(
    "%s are refused without a trace, or are good after all",
    { timeout: 600_000 },
    async (_, kind) => {
      const random = createRandom(seed);
      // A few hundred undamaged objects are enough to start from; the damage is different each time.
      const good = fc.sample(arbitraryObject(kind), { numRuns: Math.min(count, 300), seed });
      for (let i = 0; i < count; i++) {
        const object = structuredClone(good[i % good.length] ?? {});
        const before = await api.registry.store.revision();
        const answer = await send(api, kind, { metadata: {}, ...object }, random);
        expect(answer.status, answer.text.slice(0, 2000)).toBeLessThan(500);
        if (answer.status >= 400) {
          expect(answer.body).toMatchObject({ kind: "Status", code: answer.status });
          expect(await api.registry.store.revision(), answer.text.slice(0, 500)).toBe(before);
        } else {
          await raw(api, "DELETE", `${collection(kind)}/fuzzed?gracePeriodSeconds=0`);
        }
      }
    },
  );
});

/** With every admission plugin, on a cluster that has the namespace that the objects go to. */
async function startWithAdmission(): ReturnType<typeof startInProcess> {
  const store = createMemoryStore();
  const cache = createWatchCache(store);
  await cache.start(new AbortController().signal);
  const authorize = (): { allowed: boolean; reason: string } => ({ allowed: true, reason: "" });
  const ctx = { cache, store, authorize, rbac: createRbac(cache), now: () => new Date() };
  const started = await startInProcess({ store, cache, authorize, admit: createAdmit(ctx, selectPlugins()) });
  const name = "default";
  await raw(started, "POST", "/api/v1/namespaces", { body: { metadata: { name } } });
  await raw(started, "POST", `/api/v1/namespaces/${name}/serviceaccounts`, { body: { metadata: { name } } });
  return started;
}

function virtualHandlerOf(kind: Kind): unknown {
  try {
    return virtualHandler(kind, "create");
  } catch {
    // Served without being stored, but not by POST.
    return true;
  }
}
