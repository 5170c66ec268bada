import { nuid, type NatsConnection } from "nats";
import { FEED_CANDIDATES_SUBJECT } from "@coracle/shared/bus/subjects.ts";
import type { Logger } from "@coracle/shared/log.ts";

/** Which replica publishes the feed. */
export interface PublisherElection {
  readonly leading: boolean;
  /** Runs once a second, by the owner's timer. */
  tick(): void;
  stop(): void;
}

export interface ElectionTiming {
  readonly now?: () => number;
  readonly greetingMs?: number;
}

interface Announcement {
  readonly id: string;
  readonly since: number;
  readonly type: "hello" | "leading" | "resign";
}

/** Without a word from the publisher for this long another takes over. */
const LEASE_MS = 3_000;
/** How often a replica says that it exists. The publisher speaks every second only while there are others to hear it. */
const HELLO_MS = 10_000;
/** How long a newcomer waits for the publisher to answer its greeting. */
const GREETING_MS = 150;

/**
 * A lease kept on the bus itself: the publisher says once a second that it is there. For a moment two may publish, or none; the
 * revision chain makes both harmless (subscribers drop what they know and fetch what they miss), so no store write is spent on it.
 */
export function createPublisherElection(
  nc: NatsConnection,
  onChange: (leading: boolean) => void,
  log?: Logger,
  { now = Date.now, greetingMs = GREETING_MS }: ElectionTiming = {},
): PublisherElection {
  const id = nuid.next();
  let since = now();
  let leading = false;
  let heardAt = now();
  let heard = false;
  let spokeAt = now();
  let othersAt = 0;

  const say = (type: Announcement["type"]): void => {
    spokeAt = now();
    nc.publish(FEED_CANDIDATES_SUBJECT, JSON.stringify({ id, since, type } satisfies Announcement));
  };
  const lead = (value: boolean): void => {
    if (leading === value) return;
    leading = value;
    if (value) since = now();
    log?.info({ leading }, "publishing of the feed");
    if (value) say("leading");
    onChange(value);
  };
  /** The one that has published longer keeps on; ids decide when both began at once. */
  const yieldsTo = (other: Announcement): boolean =>
    other.since !== since ? other.since < since : other.id < id;

  const subscription = nc.subscribe(FEED_CANDIDATES_SUBJECT, {
    callback: (error, message) => {
      if (error) return;
      const other = parse(message.data);
      if (!other || other.id === id) return;
      othersAt = now();
      if (other.type === "hello") {
        if (leading) say("leading");
      } else if (other.type === "resign") lead(true);
      else if (!leading || yieldsTo(other)) {
        heardAt = now();
        heard = true;
        lead(false);
      } else say("leading");
    },
  });
  // A cluster's first replica loses little time; a later one does not publish for a moment and set everyone catching up.
  say("hello");
  const greeting = setTimeout(() => {
    if (!heard) lead(true);
  }, greetingMs);

  return {
    get leading() {
      return leading;
    },
    tick() {
      const quiet = now() - spokeAt >= HELLO_MS;
      if (leading) {
        if (quiet || now() - othersAt < 3 * HELLO_MS) say("leading");
      } else if (now() - heardAt > LEASE_MS) lead(true);
      else if (quiet) say("hello");
    },
    stop() {
      clearTimeout(greeting);
      subscription.unsubscribe();
      if (leading) say("resign");
      leading = false;
    },
  };
}

function parse(data: Uint8Array): Announcement | undefined {
  try {
    return JSON.parse(Buffer.from(data).toString()) as Announcement;
  } catch {
    return undefined;
  }
}
