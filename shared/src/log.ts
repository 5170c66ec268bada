import { pino, type Logger as PinoLogger } from "pino";

/** Structured logs: a constant message and key-values. `log.info({ pod: key }, "sandbox created")`. */
export type Logger = PinoLogger;

/** The process's logger; the level is CORACLE_LOG_LEVEL (`info`). JSON to stdout. */
export const createLogger = (name: string): Logger =>
  pino({
    name,
    level: process.env["CORACLE_LOG_LEVEL"] ?? "info",
    redact: {
      paths: ["*.token", "*.password", "*.data", "*.authorization", "headers.authorization", "*.stringData"],
      censor: "[redacted]",
    },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
