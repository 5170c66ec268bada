import { clock, sentField, type Done } from "./jobs.ts";

/** When nothing has come for this long, what is missing is lost. */
const PATIENCE_MS = 5_000;
/** A mark (`sent-at-<milliseconds>`) may be cut in two by the network. */
const MARK_MAX = 40;

export interface Deliveries {
  /** A reader of one watcher's bytes. */
  reader(): (chunk: Buffer) => void;
  /** Resolves when all have come or nothing comes any more. */
  finished(): Promise<Done>;
}

/** Counts deliveries by the time of sending that each carries, so that nothing has to be parsed. */
export function createDeliveries(expected: number): Deliveries {
  const milliseconds: number[] = [];
  const all = Promise.withResolvers<void>();
  return {
    reader() {
      let rest = "";
      return (chunk) => {
        const now = clock();
        const text = rest + chunk.toString("latin1");
        let from = 0;
        for (let at = text.indexOf(sentField); at >= 0; at = text.indexOf(sentField, from)) {
          const end = text.indexOf('"', at);
          if (end < 0) break;
          milliseconds.push(now - Number(text.slice(at + sentField.length, end)));
          from = end;
        }
        rest = text.slice(Math.max(from, text.length - MARK_MAX));
        if (milliseconds.length >= expected) all.resolve();
      };
    },
    async finished() {
      const cpu = process.cpuUsage();
      const start = performance.now();
      let had = 0;
      const look = setInterval(() => {
        if (had === milliseconds.length) all.resolve();
        had = milliseconds.length;
      }, PATIENCE_MS);
      await all.promise;
      clearInterval(look);
      const { user, system } = process.cpuUsage(cpu);
      return {
        kind: "done",
        milliseconds,
        totalMs: performance.now() - start,
        cpuMs: (user + system) / 1000,
      };
    },
  };
}
