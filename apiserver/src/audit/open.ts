import { createWriteStream, readFileSync } from "node:fs";
import type { Logger } from "@coracle/shared/log.ts";
import { createAudit, type Audit, type AuditSink } from "./audit.ts";
import { parseAuditPolicy } from "./policy.ts";

export interface OpenAuditOptions {
  /** CORACLE_AUDIT_LOG: a file that is appended to, or `-` for standard output. Nothing is recorded without it. */
  readonly path: string | undefined;
  /** CORACLE_AUDIT_POLICY: a file of upstream's form. */
  readonly policyPath: string;
  readonly now: () => Date;
  readonly log: Logger;
}

/** What may wait for a slow disk; more is dropped, and said so. */
const maxWaiting = 16 * 1024 * 1024;

/** The API server's audit log; undefined when none is asked for. */
export function openAudit({ path, policyPath, now, log }: OpenAuditOptions): Audit | undefined {
  if (!path) return undefined;
  const policy = parseAuditPolicy(readFileSync(policyPath, "utf8"));
  return createAudit({ policy, sink: path === "-" ? toStdout : toFile(path, log), now });
}

const toStdout: AuditSink = (line) => void process.stdout.write(`${line}\n`);

function toFile(path: string, log: Logger): AuditSink {
  const stream = createWriteStream(path, { flags: "a", mode: 0o600 });
  let dropped = 0;
  stream.on("error", (error) => log.error({ err: error }, "the audit log cannot be written"));
  return (line) => {
    if (stream.writableLength > maxWaiting || stream.destroyed) {
      if (dropped++ === 0) log.error("audit events are being dropped");
      return;
    }
    if (dropped > 0) {
      log.error({ dropped }, "audit events were dropped");
      dropped = 0;
    }
    stream.write(`${line}\n`);
  };
}
