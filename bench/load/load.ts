import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median, percentile } from "../measure.ts";
import type { Done, Job, Message } from "./jobs.ts";

export interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
  /** The client's own CPU time, per operation. */
  readonly clientMs: number;
}

/** A client process. */
export interface Load extends Disposable {
  /** Does a job; `onOpen` is called when its watches are open. @throws when a request failed */
  run(job: Job, onOpen?: () => void): Promise<Measured>;
}

/** Where the API server is, and the kubeconfig with the identity to use. */
export interface Target {
  readonly kubeconfig: string;
  readonly host: string;
  readonly port: number;
}

/** Starts a client process (worker.ts). One at a time measures; each job waits for the one before. */
export async function startLoad({ kubeconfig, host, port }: Target): Promise<Load> {
  const script = fileURLToPath(new URL("worker.ts", import.meta.url));
  const child = fork(script, [kubeconfig, host, String(port)], { serialization: "advanced" });
  const next = (): Promise<Message> =>
    new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error("the load process ended"));
      child.once("exit", gone);
      child.once("message", (message: Message) => {
        child.off("exit", gone);
        resolve(message);
      });
    });
  await next();
  return {
    async run(job, onOpen) {
      child.send(job);
      for (;;) {
        const message = await next();
        if (message.kind === "failed") throw new Error(message.message);
        if (message.kind === "done") return measured(message);
        onOpen?.();
      }
    },
    [Symbol.dispose]: () => child.disconnect(),
  };
}

const measured = ({ milliseconds, totalMs, cpuMs }: Done): Measured => ({
  perSecond: (milliseconds.length / totalMs) * 1000,
  p50: median(milliseconds),
  p99: percentile(milliseconds, 0.99),
  count: milliseconds.length,
  clientMs: cpuMs / milliseconds.length,
});
