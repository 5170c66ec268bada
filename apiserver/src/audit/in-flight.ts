import { tooManyRequests, type ApiError } from "@coracle/shared/errors.ts";
import { mastersGroup } from "../authn/groups.ts";
import type { RequestInfo, UserInfo } from "../request.ts";

export interface InFlightOptions {
  /** Requests under way at once, of everybody: reading and changing ones apart, as upstream's two limits. */
  readonly reading?: number;
  readonly changing?: number;
  /** The part of each limit that one identity may take. */
  readonly share?: number;
}

/** Bounds how many requests are under way. Watches, logs and sessions count only while they are being set up. */
export interface InFlight {
  /**
   * Takes a place for a request. @returns gives it back; call it once, when the answer is out or has become a stream
   * @throws ApiError 429 with Retry-After
   */
  enter(user: UserInfo, info: RequestInfo): () => void;
  readonly current: { readonly reading: number; readonly changing: number };
}

const readingVerbs = new Set(["get", "list", "watch", "head", "options"]);
/** Those without whom the cluster stands still are never turned away by others' load, only by their own. */
const isSystem = (user: UserInfo): boolean =>
  user.groups.includes("system:nodes") || user.username.startsWith("system:kube-");

export function createInFlight({
  reading = 400,
  changing = 200,
  share = 0.5,
}: InFlightOptions = {}): InFlight {
  const lanes = { reading: lane(reading, share), changing: lane(changing, share) };
  return {
    enter(user, info) {
      // Who repairs an overloaded cluster must get in, and who probes it must get an answer.
      if (user.groups.includes(mastersGroup) || !info.isResource) return () => undefined;
      return lanes[readingVerbs.has(info.verb) ? "reading" : "changing"].enter(user.username, isSystem(user));
    },
    get current() {
      return { reading: lanes.reading.count, changing: lanes.changing.count };
    },
  };
}

function lane(limit: number, share: number) {
  const byUser = new Map<string, number>();
  const perUser = Math.max(1, Math.floor(limit * share));
  let count = 0;
  return {
    get count() {
      return count;
    },
    enter(username: string, system: boolean): () => void {
      const own = byUser.get(username) ?? 0;
      if (own >= perUser || (!system && count >= limit)) throw overloaded();
      count++;
      byUser.set(username, own + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        count--;
        const now = (byUser.get(username) ?? 1) - 1;
        if (now === 0) byUser.delete(username);
        else byUser.set(username, now);
      };
    },
  };
}

const overloaded = (): ApiError => tooManyRequests("Too many requests, please try again later.", 1);
