import { once } from "node:events";
import type { DuplexChannels } from "@coracle/shared/bus/stream.ts";
import { internalError, type Status } from "@coracle/shared/errors.ts";
import type { Session } from "../runtime/runtime.ts";

/** Channel numbers of the remote command protocol (KEP-4006). */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

export const succeeded: Status = {
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Success",
  code: 200,
};

/** How a command that ended with another code than 0 is told, so that kubectl can exit with it too. */
export const exitStatus = (code: number): Status =>
  code === 0
    ? succeeded
    : {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message: `command terminated with non-zero exit code: exit status ${code}`,
        reason: "NonZeroExitCode",
        details: { causes: [{ reason: "ExitCode", message: String(code) }] },
        code: 500,
      };

interface Size {
  readonly Width?: number;
  readonly Height?: number;
}

function readSize(data: Uint8Array): { columns: number; rows: number } | undefined {
  try {
    const size = JSON.parse(Buffer.from(data).toString()) as Size;
    const [columns, rows] = [Number(size.Width), Number(size.Height)];
    return columns > 0 && rows > 0 && columns < 65536 && rows < 65536 ? { columns, rows } : undefined;
  } catch {
    // A size we cannot read leaves the terminal as it is.
    return undefined;
  }
}

/** Client → command: standard input and terminal sizes, until the client is done. */
async function feed(session: Session, channels: DuplexChannels, tty: boolean): Promise<void> {
  for await (const message of channels.receive()) {
    if ("closed" in message) {
      // A terminal's input does not end; were the engine told so, it would stop listening to the command.
      if (message.channel === channel.stdin && !tty) session.stdin.end();
    } else if (message.channel === channel.resize) {
      const size = readSize(message.data);
      // The command may have ended while the size was under way.
      if (size) await session.resize(size.columns, size.rows).catch(() => undefined);
    } else if (message.channel === channel.stdin && session.stdin.writable) {
      if (!session.stdin.write(message.data))
        await Promise.race([once(session.stdin, "drain"), once(session.stdin, "close")]);
    }
  }
}

export interface CommandRequest {
  readonly stdin?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  readonly tty?: boolean | undefined;
}

/**
 * Joins a command's streams with the client's until the command ends, then says how it ended. An attach that lasted to the end
 * succeeded, whatever became of the container: that is told by the pod's status.
 */
export async function serveSession(
  session: Session,
  { verb, ...request }: CommandRequest & { readonly verb: "exec" | "attach" },
  channels: DuplexChannels,
): Promise<void> {
  // A write to a command that has ended is no failure of ours.
  session.stdin.on("error", () => undefined);
  channels.aborted.addEventListener("abort", () => session.close(), { once: true });
  if (!request.stdin) session.stdin.end();
  feed(session, channels, request.tty === true).catch(() => session.close());
  try {
    for await (const { channel: from, data } of session.output()) {
      if ((from === channel.stdout && request.stdout) || (from === channel.stderr && request.stderr))
        await channels.send(from, data);
    }
  } finally {
    session.stdin.destroy();
  }
  const code = verb === "attach" ? 0 : await session.exitCode();
  const status = code === undefined ? internalError("the engine lost the command").status : exitStatus(code);
  await channels.send(channel.error, Buffer.from(JSON.stringify(status)));
}
