/** The end of a container's log, for a termination message. */
import type { Runtime } from "../runtime/runtime.ts";

const LINES = 80;
const BYTES = 2048;

export async function lastLines(runtime: Runtime, id: string, signal: AbortSignal): Promise<string> {
  const query = { follow: false, timestamps: false, tail: LINES };
  let text = "";
  for await (const { data } of await runtime.logs(id, query, signal)) text = (text + data.toString()).slice(-BYTES);
  return text;
}
