import { execFile } from "node:child_process";
import type { Logger } from "@coracle/shared/log.ts";

/** conntrack's exit code when nothing matched. */
const nothingMatched = 1;

/**
 * Deletes tracked UDP connections to endpoints that are gone. Without it a client that keeps its socket would go on sending to the
 * old address, since UDP has no end that the tracker could see. Each flow is `address port endpoint`.
 */
export const forgetFlows =
  (log: Logger) =>
  async (flows: readonly string[]): Promise<void> => {
    for (const flow of flows) {
      const [address = "", port = "", endpoint = ""] = flow.split(" ");
      await new Promise<void>((resolve) => {
        execFile(
          "conntrack",
          ["-D", "-p", "udp", "--orig-dst", address, "--orig-port-dst", port, "--dst-nat", endpoint],
          (error) => {
            if (error && error.code !== nothingMatched)
              log.warn({ flow, err: error }, "tracked flow not deleted");
            resolve();
          },
        );
      });
    }
  };
