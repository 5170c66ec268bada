/** The node's own identity on the bus: asked for with the bootstrap token, renewed before it ends. The seed never leaves the process. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createUser } from "@nats-io/nkeys";
import { jwtAuthenticator, RequestError, type Authenticator } from "nats";
import { connectBus } from "@coracle/shared/bus/connect.ts";
import { BOOTSTRAP_SUBJECT } from "@coracle/shared/bus/subjects.ts";
import { ApiError, type Status } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";

interface Answer {
  readonly jwt: string;
  readonly expires: string;
}

export interface NodeCredentialsOptions {
  readonly servers: string;
  readonly pki: string;
  readonly node: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 5_000;
/** The broker says at once that no API server listens yet; asking costs it next to nothing. */
const UNSERVED_MAX_MS = 200;
const ANSWER_MS = 5_000;
/** Renewed when this share of its life is over. */
const RENEW_AT = 0.8;

/** Resolves to what the bus connection presents; a renewed JWT is used from the next reconnect on. */
export async function nodeCredentials(options: NodeCredentialsOptions): Promise<Authenticator> {
  const { log, signal } = options;
  const user = createUser();
  const nkey = user.getPublicKey();
  let current = await obtain(options, nkey);
  const renewLater = (): void => {
    const life = Date.parse(current.expires) - Date.now();
    const timer = setTimeout(
      () => {
        obtain(options, nkey).then(
          (answer) => {
            current = answer;
            renewLater();
          },
          (error: unknown) => signal.aborted || log.error({ err: error }, "bus credentials not renewed"),
        );
      },
      Math.max(1_000, life * RENEW_AT),
    );
    timer.unref();
  };
  renewLater();
  return jwtAuthenticator(() => current.jwt, user.getSeed());
}

/** Asks until it is answered: the API server may come later than this node. */
async function obtain(
  { servers, pki, node, log, signal }: NodeCredentialsOptions,
  nkey: string,
): Promise<Answer> {
  const bus = await connectBus({
    servers,
    caFile: join(pki, "ca.crt"),
    credsFile: join(pki, "nats.creds"),
    log,
    signal,
  });
  try {
    for (let delay = RETRY_MIN_MS; ; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
      signal.throwIfAborted();
      try {
        const token = (await readFile(join(pki, "bootstrap-token"), "utf8")).trim();
        const reply = await bus.nc.request(BOOTSTRAP_SUBJECT, JSON.stringify({ token, node, nkey }), {
          timeout: ANSWER_MS,
        });
        const answer = reply.json<Answer | Status>();
        if ("jwt" in answer) return answer;
        throw ApiError.from(answer);
      } catch (error) {
        log.debug({ err: error }, "no bus credentials yet");
        if (isUnserved(error)) delay = Math.min(delay, UNSERVED_MAX_MS);
        await sleep(delay, undefined, { signal });
      }
    }
  } finally {
    await bus.close();
  }
}

const isUnserved = (error: unknown): boolean => error instanceof RequestError && error.isNoResponders();
