/** Keeps the Node object and its status in the API. */
import type { Node, NodeStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { nodes } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { isAlreadyExists, isNotFound } from "@coracle/shared/errors.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { newNode, nodeLabelsFor, statusDigest } from "./node-object.ts";

export interface RegistrationOptions {
  readonly name: string;
  readonly client: Client;
  readonly nodes: Informer<Node>;
  /** The newest status; `before` is what the API has. */
  readonly status: (before: NodeStatus | undefined) => Promise<NodeStatus>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Registration {
  /** Something of the status may have changed. */
  changed(): void;
  /** Resolves when the node is in the API. */
  readonly registered: Promise<void>;
}

/** A status that does not change is written this often all the same (upstream's nodeStatusReportFrequency). */
const REPORT_MS = 300_000;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 5_000;

/** Registers the node, and writes its status when it changed; registers it again when somebody deletes it. */
export function startRegistration(options: RegistrationOptions): Registration {
  const { name, client, log, signal } = options;
  const { promise: registered, resolve } = Promise.withResolvers<void>();
  let written = "";
  let writtenAt = 0;
  let again = false;
  let running = false;
  let delay = RETRY_MIN_MS;

  const create = async (): Promise<Node> => {
    const node = newNode(name, await options.status(undefined));
    try {
      return await client.create(nodes, node, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return client.get(nodes, { name }, { signal });
    }
  };

  const write = async (): Promise<void> => {
    const known = options.nodes.get(name);
    const current = known ?? (await create());
    resolve();
    const labels = nodeLabelsFor(name);
    if (Object.entries(labels).some(([key, value]) => current.metadata.labels?.[key] !== value))
      await client.patch(nodes, { name }, { type: "merge", body: { metadata: { labels } } }, { signal });
    const status = await options.status(current.status);
    const digest = statusDigest(status);
    if (digest === written && Date.now() - writtenAt < REPORT_MS) return;
    await client.patch(
      nodes,
      { name },
      { type: "strategic", body: { status } },
      { subresource: "status", signal },
    );
    written = digest;
    writtenAt = Date.now();
  };

  const run = async (): Promise<void> => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      try {
        await write();
        delay = RETRY_MIN_MS;
      } catch (error) {
        if (signal.aborted) break;
        if (isNotFound(error)) written = "";
        log.warn({ err: error }, "node status not written");
        setTimeout(() => void run(), delay).unref();
        delay = Math.min(delay * 2, RETRY_MAX_MS);
        break;
      }
    } while (again && !signal.aborted);
    running = false;
  };

  options.nodes.on({
    delete(node) {
      if (node.metadata.name !== name || signal.aborted) return;
      written = "";
      void run();
    },
  });
  const heartbeat = setInterval(() => void run(), REPORT_MS).unref();
  signal.addEventListener("abort", () => clearInterval(heartbeat), { once: true });
  void run();
  return { changed: () => void run(), registered };
}
