import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import type { LogQuery, Runtime } from "../runtime/runtime.ts";
import { findContainer, type ContainerTarget, type PodDirectory } from "./target.ts";

/** PodLogOptions, as the API server passes them on. */
export interface LogRequest extends ContainerTarget {
  readonly follow?: boolean | undefined;
  readonly previous?: boolean | undefined;
  readonly sinceSeconds?: number | undefined;
  /** RFC 3339. */
  readonly sinceTime?: string | undefined;
  readonly tailLines?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly timestamps?: boolean | undefined;
  /** `Stdout`, `Stderr` or `All`. */
  readonly stream?: string | undefined;
}

/** Where a log goes. */
export type LogSink = Pick<DuplexChannels, "aborted"> & {
  send(channel: number, data: Uint8Array): Promise<void>;
};

const outputChannel = 1;

const since = (request: LogRequest, now: number): number | undefined =>
  request.sinceSeconds !== undefined
    ? now - request.sinceSeconds * 1000
    : request.sinceTime !== undefined
      ? Date.parse(request.sinceTime)
      : undefined;

/** Sends a container's log until it ends for good, the limit is reached or the reader goes away. */
export async function serveLogs(
  runtime: Runtime,
  pods: PodDirectory,
  request: LogRequest,
  channels: LogSink,
  now: number,
): Promise<void> {
  const first = findContainer(pods, request, request.previous === true);
  const follow = request.follow === true && request.previous !== true;
  const query: LogQuery = {
    follow,
    timestamps: request.timestamps === true,
    sinceMs: since(request, now),
    tail: request.tailLines,
  };
  const wanted: 1 | 2 | undefined =
    request.stream === "Stdout" ? 1 : request.stream === "Stderr" ? 2 : undefined;
  const limit = { left: request.limitBytes ?? Infinity };
  await serveInstance(runtime, first.id, { query, wanted, limit }, channels);
  if (!follow) return;
  // A container that is restarted goes on talking: its next instance is followed from its first line.
  let last = first.id;
  while (limit.left > 0 && !channels.aborted.aborted) {
    const next = await pods.successor(request.uid, request.container, last, channels.aborted);
    if (!next) return;
    const rest = { query: { ...query, sinceMs: undefined, tail: undefined }, wanted, limit };
    await serveInstance(runtime, next.id, rest, channels);
    last = next.id;
  }
}

interface Reading {
  readonly query: LogQuery;
  readonly wanted: 1 | 2 | undefined;
  readonly limit: { left: number };
}

/** One instance's log, to its end or the limit. */
async function serveInstance(
  runtime: Runtime,
  id: string,
  { query, wanted, limit }: Reading,
  channels: LogSink,
): Promise<void> {
  for await (const { channel, data } of await runtime.logs(id, query, channels.aborted)) {
    if (wanted !== undefined && channel !== wanted) continue;
    const part = data.length > limit.left ? data.subarray(0, limit.left) : data;
    await channels.send(outputChannel, part);
    limit.left -= part.length;
    if (limit.left <= 0) return;
  }
}
