import { headers as natsHeaders, type NatsConnection } from "nats";
import { noticeSubject, type Chain } from "@coracle/shared/bus/subjects.ts";
import type { ObjectKey } from "../store/store.ts";

/** Changes of one chain that are told without their content, and not more often than this. */
const EVERY_MS = 50;

export interface Notices {
  /** A change at `revision`, the one after `previous` on its chain. The first after a pause goes out at once. */
  add(key: ObjectKey, revision: number, previous: number): void;
  /** Sends what is gathered: nothing of the chain may overtake it. */
  flush(): void;
}

interface Gathered {
  readonly previous: number;
  revision: number;
  readonly objects: Set<string>;
}

/**
 * Gathers the notices of a chain: whoever gets one asks an API server for what it needs of the change, so that one message for many
 * changes saves both a message per node and a request per change.
 */
export function createNotices(
  nc: NatsConnection,
  chain: Chain,
  clock = (): number => performance.now(),
): Notices {
  let gathered: Gathered | undefined;
  let timer: NodeJS.Timeout | undefined;
  let sentAt = -Infinity;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!gathered) return;
    const { previous, revision, objects } = gathered;
    gathered = undefined;
    sentAt = clock();
    const headers = natsHeaders();
    headers.set("rev", String(revision));
    headers.set("prev", String(previous));
    headers.set("notice", "1");
    nc.publish(noticeSubject(chain), JSON.stringify([...objects]), { headers });
  };
  return {
    add({ namespace, name }, revision, previous) {
      // What was not told in between (nobody heard, or another server told it) is a gap that subscribers must see.
      if (gathered && gathered.revision !== previous) flush();
      gathered ??= { previous, revision, objects: new Set() };
      gathered.revision = revision;
      gathered.objects.add(`${namespace}/${name}`);
      timer ??= setTimeout(flush, Math.max(0, sentAt + EVERY_MS - clock()));
    },
    flush,
  };
}
