import { connect } from "node:net";
import { describe } from "./http.ts";
import { failure, success, type ProbeResult } from "./result.ts";

/** A connection that is accepted is success. */
export function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    const finish = (result: ProbeResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on("connect", () => finish(success()));
    socket.on("error", (error) =>
      finish(failure(signal.aborted ? `dial tcp ${host}:${port}: i/o timeout` : describe(error))),
    );
  });
}
