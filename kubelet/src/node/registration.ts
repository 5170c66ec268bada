/** Keeps the Node object and its status in the API. */
import type { Node, NodeStatus } from "@coracle/shared/api/generated/core-v1.ts";
import { nodes } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { isAlreadyExists, isNotFound } from "@coracle/shared/errors.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { newNode, nodeLabelsFor } from "./node-object.ts";
import { changedReasons, foreignAllocatable, shows } from "./status-change.ts";

export interface RegistrationOptions {
  readonly name: string;
  readonly client: Client;
  readonly nodes: Informer<Node>;
  /** The newest status; `before` is what the API has. */
  readonly status: (before: NodeStatus | undefined) => Promise<NodeStatus>;
  /** The pod range the node has already. A node that is registered anew keeps it: its pods live there. */
  readonly podCidr: () => string | undefined;
  /** Records an event about the node. */
  readonly event: (reason: string, message: string, type?: "Warning") => void;
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
/** A status that somebody else changed is put right at most this often. */
const REPAIR_MS = 10_000;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 5_000;

/** Registers the node, and writes its status when it changed; registers it again when somebody deletes it. */
export function startRegistration(options: RegistrationOptions): Registration {
  const { name, client, log, signal } = options;
  const { promise: registered, resolve } = Promise.withResolvers<void>();
  let writtenAt = -Infinity;
  let again = false;
  let running = false;
  let delay = RETRY_MIN_MS;

  /** One at a time: each change of the node in between would add another. */
  let timer: NodeJS.Timeout | undefined;
  const runIn = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void run(), ms).unref();
  };

  /** The boot that was told of: what the API shows may be older than what was written. */
  let boot: string | undefined;
  const announceBoot = (before: NodeStatus | undefined, after: NodeStatus): void => {
    const [was, is] = [before?.nodeInfo?.bootID, after.nodeInfo?.bootID];
    if (was && is && was !== is && boot !== is)
      options.event("Rebooted", `Node ${name} has been rebooted, boot id: ${is}`, "Warning");
    boot = is;
  };
  const announce = (before: NodeStatus | undefined, after: NodeStatus): void => {
    for (const reason of changedReasons(before?.conditions ?? [], after.conditions ?? []))
      options.event(reason, `Node ${name} status is now: ${reason}`);
  };
  const create = async (): Promise<Node> => {
    const status = await options.status(undefined);
    try {
      const created = await client.create(nodes, newNode(name, status, options.podCidr()), { signal });
      announce(undefined, status);
      return created;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return client.get(nodes, { name }, { signal });
    }
  };

  const write = async (): Promise<void> => {
    const current = options.nodes.get(name) ?? (await create());
    resolve();
    const labels = nodeLabelsFor(name);
    if (Object.entries(labels).some(([key, value]) => current.metadata.labels?.[key] !== value))
      await client.patch(nodes, { name }, { type: "merge", body: { metadata: { labels } } }, { signal });
    const own = await options.status(current.status);
    const foreign = foreignAllocatable(current.status ?? {}, own);
    const status = { ...own, allocatable: { ...own.allocatable, ...foreign } };
    const due = shows(current.status, status) ? REPORT_MS : dueSoon(status);
    const wait = writtenAt + due - performance.now();
    if (wait > 0) {
      if (due === REPAIR_MS) runIn(wait);
      return;
    }
    await client.patch(
      nodes,
      { name },
      { type: "strategic", body: { status } },
      { subresource: "status", signal },
    );
    announceBoot(current.status, own);
    announce(current.status, own);
    written = JSON.stringify(status, withoutHeartbeat);
    writtenAt = performance.now();
  };
  /** What this kubelet has not said yet goes out at once; what it has said and the API does not show may only be on its way. */
  let written = "";
  const dueSoon = (status: object): number =>
    JSON.stringify(status, withoutHeartbeat) === written ? REPAIR_MS : 0;

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
        if (isNotFound(error)) writtenAt = -Infinity;
        log.warn({ err: error }, "node status not written");
        runIn(delay);
        delay = Math.min(delay * 2, RETRY_MAX_MS);
        break;
      }
    } while (again && !signal.aborted);
    running = false;
  };

  options.nodes.on({
    // Somebody may have changed what this kubelet says: the controller that has not heard of it, or an operator.
    update(node) {
      if (node.metadata.name === name && !signal.aborted) void run();
    },
    delete(node) {
      if (node.metadata.name !== name || signal.aborted) return;
      writtenAt = -Infinity;
      void run();
    },
  });
  const heartbeat = setInterval(() => void run(), REPORT_MS).unref();
  const stop = (): void => {
    clearInterval(heartbeat);
    clearTimeout(timer);
  };
  signal.addEventListener("abort", stop, { once: true });
  void run();
  return { changed: () => void run(), registered };
}

const withoutHeartbeat = (key: string, value: unknown): unknown =>
  key === "lastHeartbeatTime" ? undefined : value;
