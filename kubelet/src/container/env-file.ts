/** Files that give values to environment variables (KEP-3721): a strict part of what a shell would read. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { walk } from "../volumes/walk.ts";

const DECLARATION = /^([^=\s][^=]*?)\s*=\s*'/;
const MAX_BYTES = 1 << 20;

/**
 * `NAME='value'`, one after the other. Blank lines and lines that begin with `#` are passed over; what is between the quotes is
 * taken as it is, line breaks included.
 * @throws Error for anything else
 */
export function parseEnvFile(text: string): Map<string, string> {
  const values = new Map<string, string>();
  let rest = text.trimStart();
  while (rest !== "") {
    if (rest.startsWith("#")) {
      rest = rest.slice((rest.indexOf("\n") + 1 || rest.length + 1) - 1).trimStart();
      continue;
    }
    const found = DECLARATION.exec(rest);
    const end = found ? rest.indexOf("'", found[0].length) : -1;
    const after = end < 0 ? "" : (/^[^\n]*/.exec(rest.slice(end + 1))?.[0] ?? "");
    if (!found || end < 0 || after.trim() !== "") {
      const line = text.slice(0, text.length - rest.length).split("\n").length;
      throw new Error(`line ${line}: a variable must be declared as NAME='value'`);
    }
    values.set(found[1] ?? "", rest.slice(found[0].length, end));
    rest = rest.slice(end + 1 + after.length).trimStart();
  }
  return values;
}

/** The text of a file in a volume; undefined when there is none. No link leads out of the volume. */
export async function readEnvFile(volume: string, path: string): Promise<string | undefined> {
  const absent = new Error(`there is no ${path}`);
  let place: string;
  try {
    place = await walk(volume, path, {
      chroot: false,
      outside: () => new Error(`the file ${path} leads out of its volume`),
      missing: () => Promise.reject(absent),
    });
  } catch (error) {
    if (error === absent) return undefined;
    throw error;
  }
  // Whoever writes to the volume may put a pipe there: opening it would wait for its other end.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(join(volume, place), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error(`${path} is not a regular file`);
    if (found.size > MAX_BYTES) throw new Error(`the file ${path} is too large`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
