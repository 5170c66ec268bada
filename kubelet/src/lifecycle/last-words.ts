/** Termination messages: a container's file for them, or the end of its log. */
import { closeSync, openSync, readSync } from "node:fs";
import type { Runtime } from "../runtime/runtime.ts";

const LINES = 80;
const BYTES = 2048;

export async function lastLines(runtime: Runtime, id: string, signal: AbortSignal): Promise<string> {
  const query = { follow: false, timestamps: false, tail: LINES };
  let text = "";
  for await (const { data } of await runtime.logs(id, query, signal))
    text = (text + data.toString()).slice(-BYTES);
  return text;
}

/** The first bytes of a file; "" when there is none. */
export function readStart(path: string, bytes: number): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, 0)).toString();
  } finally {
    closeSync(file);
  }
}
