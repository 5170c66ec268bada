import { ApiError } from "@coracle/shared/errors.ts";
import type { OpenNodeStream } from "../registry.ts";

/** The parts of a kubelet's /stats/summary that resource metrics are made of. */
export interface StatsSummary {
  readonly node: Usage & { readonly nodeName: string };
  readonly pods?: readonly PodStats[] | undefined;
  /** Over how many milliseconds speeds were measured. */
  readonly windowMs?: number | undefined;
}

export interface Usage {
  readonly cpu?: { readonly time: string; readonly usageNanoCores?: number | undefined } | undefined;
  readonly memory?: { readonly time: string; readonly workingSetBytes?: number | undefined } | undefined;
}

export interface PodStats {
  readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly containers?: readonly (Usage & { readonly name: string })[] | undefined;
}

interface Known {
  readonly at: number;
  readonly summary: Promise<StatsSummary | undefined>;
  /** It did not answer. */
  missing: boolean;
}

/** Figures this old are still shown, as a metrics server would between two scrapes. */
const freshMs = 5_000;
/** A node that did not answer is not waited for again at once. */
const missingMs = 15_000;
const patienceMs = 5_000;
const perServer = new WeakMap<OpenNodeStream, Map<string, Known>>();

/** What a node's kubelet measures; undefined while it does not answer. Asked at most every few seconds. */
export function nodeStats(open: OpenNodeStream, node: string): Promise<StatsSummary | undefined> {
  let known = perServer.get(open);
  if (!known) {
    known = new Map();
    perServer.set(open, known);
  }
  const have = known.get(node);
  if (have && performance.now() - have.at < (have.missing ? missingMs : freshMs)) return have.summary;
  const entry: Known = {
    at: performance.now(),
    missing: false,
    summary: ask(open, node).then((summary) => {
      entry.missing = summary === undefined;
      return summary;
    }),
  };
  known.set(node, entry);
  return entry.summary;
}

async function ask(open: OpenNodeStream, node: string): Promise<StatsSummary | undefined> {
  try {
    const session = await open(node, "stats", {}, AbortSignal.timeout(patienceMs));
    const chunks: Uint8Array[] = [];
    for await (const message of session.receive()) {
      if ("data" in message && message.channel === 1) chunks.push(message.data);
    }
    session.end();
    if (chunks.length === 0) return undefined;
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as StatsSummary;
  } catch (error) {
    // A node that is away has no figures; that is what its absence from the list says.
    if (error instanceof ApiError || error instanceof SyntaxError) return undefined;
    if (error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError"))
      return undefined;
    throw error;
  }
}
