import { ApiError } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import { acceptWebSocket, offeredSubprotocols, type UpgradeRequest } from "./upgrade.ts";
import { sendOn } from "./websocket-command.ts";

/** Subprotocols for reading a log, as apimachinery's wsstream names them; a client that names none gets binary frames. */
const readingSubprotocols = ["binary.k8s.io", "base64.binary.k8s.io"] as const;

type Body = ApiResponse["body"];

async function* chunksOf(body: Body): AsyncGenerator<Buffer> {
  if (typeof body === "string" || body instanceof Uint8Array) yield Buffer.from(body);
  else for await (const chunk of body) yield Buffer.from(chunk);
}

/** Sends what a log says over a WebSocket, and closes it at the end. @throws ApiError before the upgrade only */
export async function readOverWebSocket(request: UpgradeRequest, body: Body): Promise<void> {
  const offered = offeredSubprotocols(request);
  const agreed = offered.length === 0 ? "" : readingSubprotocols.find((p) => offered.includes(p));
  if (agreed === undefined)
    throw new ApiError(
      400,
      "BadRequest",
      `unable to upgrade: no common subprotocol in [${offered.join(" ")}]`,
    );
  const frame = agreed.startsWith("base64")
    ? (data: Buffer): string => data.toString("base64")
    : (data: Buffer): Buffer => data;
  // An empty message says that the log begins, as upstream.
  await sendFrames(request, agreed, begun(frame(Buffer.alloc(0)), body, frame));
}

async function* begun<T>(first: T, body: Body, frame: (data: Buffer) => T): AsyncGenerator<T> {
  yield first;
  for await (const chunk of chunksOf(body)) yield frame(chunk);
}

/** Sends the events of a watch, one text message each. */
export const watchOverWebSocket = (request: UpgradeRequest, body: Body): Promise<void> =>
  sendFrames(request, "", events(body));

async function* events(body: Body): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(body)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) yield `${line}\n`;
  }
}

async function sendFrames(
  request: UpgradeRequest,
  subprotocol: string,
  frames: AsyncGenerator<Buffer | string>,
): Promise<void> {
  const socket = await acceptWebSocket(request, subprotocol);
  // Nothing is expected of the client; what it sends is read only so that its close is seen.
  socket.on("message", () => undefined);
  socket.on("error", () => socket.terminate());
  try {
    for await (const frame of frames) {
      if (socket.readyState !== socket.OPEN) break;
      await sendOn(socket, frame);
    }
    socket.close(1000);
  } catch {
    // The log was cut off: the client must not take this for its end.
    socket.close(1011);
  }
}
