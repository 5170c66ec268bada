import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

/** The writes, each one Lua script. The files lie beside this one, and beside the bundle in the image. */
export type ScriptName = "create" | "update" | "delete" | "compact";

interface Script {
  readonly text: string;
  readonly sha: string;
}

function load(name: ScriptName): Script {
  const text = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

const scripts: Readonly<Record<ScriptName, Script>> = {
  create: load("create"),
  update: load("update"),
  delete: load("delete"),
  compact: load("compact"),
};

/** Runs a script by its hash; a Redis that has been restarted is given the text once more. */
export async function runScript(
  redis: Redis,
  name: ScriptName,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  const { sha, text } = scripts[name];
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return await redis.eval(text, keys.length, ...keys, ...args);
  }
}
