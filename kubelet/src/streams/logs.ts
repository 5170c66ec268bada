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

const outputChannel = 1;

const since = (request: LogRequest, now: number): number | undefined =>
  request.sinceSeconds !== undefined
    ? now - request.sinceSeconds * 1000
    : request.sinceTime !== undefined
      ? Date.parse(request.sinceTime)
      : undefined;

/** Sends a container's log until it ends, the limit is reached or the reader goes away. */
export async function serveLogs(
  runtime: Runtime,
  pods: PodDirectory,
  request: LogRequest,
  channels: DuplexChannels,
  now: number,
): Promise<void> {
  const container = findContainer(pods, request, request.previous === true);
  const query: LogQuery = {
    follow: request.follow === true && request.previous !== true,
    timestamps: request.timestamps === true,
    sinceMs: since(request, now),
    tail: request.tailLines,
  };
  const wanted = request.stream === "Stdout" ? 1 : request.stream === "Stderr" ? 2 : undefined;
  let left = request.limitBytes ?? Infinity;
  for await (const { channel, data } of await runtime.logs(container.id, query, channels.aborted)) {
    if (wanted !== undefined && channel !== wanted) continue;
    const part = data.length > left ? data.subarray(0, left) : data;
    await channels.send(outputChannel, part);
    left -= part.length;
    if (left <= 0) return;
  }
}
