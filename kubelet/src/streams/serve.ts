import type { NatsConnection } from "nats";
import { serveStreams, type DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { internalError, notFound, serviceUnavailable } from "@coracle/shared/errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { serveSession, type CommandRequest } from "./command.ts";
import { serveLogs, type LogRequest } from "./logs.ts";
import { openAddress, openInNamespace, servePort, type OwnServer } from "./port.ts";
import type { ContainerTarget, PodDirectory } from "./target.ts";

export interface NodeStreamOptions {
  readonly nc: NatsConnection;
  /** `node.<node>`, escaped: the verb is appended. */
  readonly subjectPrefix: string;
  readonly runtime: Runtime;
  readonly pods: PodDirectory;
  /** The kubelet's own HTTP server, for nodes/proxy. */
  readonly own: OwnServer;
  /** The Summary of the node and its pods, for metrics. */
  readonly summary: () => Promise<object>;
  readonly now?: () => number;
}

interface PortRequest {
  /** `address`: something that is no pod and that this node can reach, behind a Service. */
  readonly target?: "pod" | "kubelet" | "address" | undefined;
  readonly address?: string;
  readonly pod: string;
  readonly uid: string;
  readonly port: number;
}

/** Answers what the API server opens towards this node: logs, exec, attach, port-forward, proxy and stats. */
export function serveNodeStreams(options: NodeStreamOptions): () => void {
  const { nc, runtime, pods, now = Date.now } = options;
  const command = async (
    request: ContainerTarget & CommandRequest & { command?: readonly string[] },
    channels: DuplexChannels,
    verb: "exec" | "attach",
  ): Promise<void> => {
    const container = pods.container(request.uid, request.container, false);
    if (!container?.running)
      throw internalError(
        `unable to upgrade connection: container not found (${JSON.stringify(request.container)})`,
      );
    const streams = { stdin: request.stdin === true, tty: request.tty === true };
    const session =
      verb === "exec"
        ? await runtime.exec(container.id, { command: request.command ?? [], ...streams }, channels.aborted)
        : await runtime.attach(
            container.id,
            { stdin: streams.stdin && container.stdin, tty: container.tty },
            channels.aborted,
          );
    await serveSession(session, { ...request, verb }, channels);
  };

  const verbs: Record<string, (open: never, channels: DuplexChannels) => Promise<void>> = {
    logs: (open: LogRequest, channels) => serveLogs(runtime, pods, open, channels, now()),
    exec: (open: ContainerTarget & CommandRequest, channels) => command(open, channels, "exec"),
    attach: (open: ContainerTarget & CommandRequest, channels) => command(open, channels, "attach"),
    portforward: async (open: PortRequest, channels) => {
      const pid = pods.sandboxPid(open.uid);
      if (pid === undefined) throw notFound({ group: "", resource: "pods" }, open.pod);
      const inPod = openInNamespace(pid, open.port);
      const told = (problem: string): string =>
        `error forwarding port ${open.port} to pod ${open.pod}, uid ${open.uid}: ${problem}`;
      await servePort({ ...inPod, problem: inPod.problem.then((p) => p && told(p)) }, channels);
    },
    proxy: async (open: PortRequest, channels) => {
      if (open.target === "kubelet") {
        await servePort(options.own.open(), channels);
        return;
      }
      const address = open.target === "address" ? open.address : pods.address(open.uid);
      if (!address) throw serviceUnavailable(`pod ${open.pod} has no address yet`);
      await servePort(openAddress(address, open.port), channels);
    },
    stats: async (_open, channels) => channels.send(1, Buffer.from(JSON.stringify(await options.summary()))),
  };
  const stops = Object.entries(verbs).map(([verb, handler]) =>
    serveStreams(nc, `${options.subjectPrefix}.${verb}`, (open, channels) =>
      handler(open as never, channels),
    ),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
