/** Whether the cluster's names answer from this node: the last thing of a node to work, so the sign that all does. */
import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_MS = 100;
const LATER_MS = 60_000;
const ANSWER_MS = 2_000;

/** Asks until it is answered, then now and then. Returns what is missing, if anything. */
export function watchDns(server: string, domain: string, signal: AbortSignal): () => string | undefined {
  const resolver = new Resolver({ timeout: ANSWER_MS, tries: 1 });
  resolver.setServers([server]);
  let missing: string | undefined = "the cluster DNS has not answered yet";
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await resolver.resolve4(`kubernetes.default.svc.${domain}`);
        missing = undefined;
      } catch (error) {
        missing = `the cluster DNS does not answer: ${(error as Error).message}`;
      }
      await sleep(missing === undefined ? LATER_MS : FIRST_MS, undefined, { signal, ref: false }).catch(
        () => undefined,
      );
    }
  };
  void run();
  return () => missing;
}
