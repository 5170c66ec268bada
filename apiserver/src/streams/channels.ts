import { ApiError, internalError, type Status } from "@coracle/shared/errors.ts";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";

/** Channel numbers of the remote command protocol (KEP-4006), used towards the client and towards the node. */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** The client's end of an exec or attach, whatever protocol carries it. */
export interface RemoteCommandClient {
  /** What the client sends: stdin and resize, and the closing of stdin. */
  receive(): AsyncIterable<
    { readonly channel: number; readonly data: Buffer } | { readonly channel: number; readonly closed: true }
  >;
  /** Sends output; resolves when the client can take more. */
  send(channel: number, data: Buffer): Promise<void>;
  /** Says how it ended, and closes. */
  finish(status: Status): Promise<void>;
  readonly closed: AbortSignal;
}

export const success: Status = {
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Success",
  code: 200,
};

/** Opens a session to a node's kubelet. @throws ApiError when the node does not answer */
export type OpenNodeStream = (
  node: string,
  verb: "exec" | "attach" | "portforward",
  message: object,
  signal: AbortSignal,
) => Promise<DuplexChannels>;

/** Joins a client with the kubelet's session until the command ends or either side goes away. */
export async function bridge(client: RemoteCommandClient, node: DuplexChannels): Promise<void> {
  const upstream = async (): Promise<void> => {
    for await (const message of client.receive()) {
      if ("closed" in message) node.closeSend(message.channel);
      else await node.send(message.channel, message.data);
    }
  };
  // When the client goes first, ending the node's session stops the command's streams; the iteration below then finishes.
  client.closed.addEventListener("abort", () => node.end(), { once: true });
  void upstream().catch(() => node.end());

  let status: Status | undefined;
  try {
    for await (const message of node.receive()) {
      if ("closed" in message) continue;
      if (message.channel === channel.error)
        status = JSON.parse(Buffer.from(message.data).toString()) as Status;
      else await client.send(message.channel, Buffer.from(message.data));
    }
  } catch (error) {
    status =
      error instanceof ApiError
        ? error.status
        : internalError(`the connection to the node was lost: ${(error as Error).message}`).status;
  }
  status ??= (await node.ended) ?? internalError("the node ended the session without a status").status;
  await client.finish(status);
  node.end();
}
