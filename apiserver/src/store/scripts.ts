import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

/** The writes, each one Lua script. */
export type ScriptName = "create" | "update" | "delete" | "compact";

interface Script {
  readonly text: string;
  readonly sha: string;
}

/** A file beside this one. In a bundle it is part of the code (images/bundle.ts). */
const textOf = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

const script = (text: string): Script => ({ text, sha: createHash("sha1").update(text).digest("hex") });

const scripts: Readonly<Record<ScriptName, Script>> = {
  create: script(textOf("./lua/create.lua")),
  update: script(textOf("./lua/update.lua")),
  delete: script(textOf("./lua/delete.lua")),
  compact: script(textOf("./lua/compact.lua")),
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
