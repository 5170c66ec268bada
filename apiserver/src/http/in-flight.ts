import { tooManyRequests } from "@coracle/shared/errors.ts";
import type { RequestInfo, UserInfo } from "../request.ts";

/** Bounds how much work is under way: in all, and for one identity, so that nobody starves the others. */
export interface InFlight {
  /** @returns what to call when the request has been answered. @throws ApiError 429 */
  enter(user: UserInfo, info: RequestInfo): () => void;
}

export interface InFlightLimits {
  readonly reads: number;
  readonly writes: number;
  /** The share of a limit that one identity may take. */
  readonly perIdentity: number;
}

/** Upstream's defaults for a whole server. */
const defaults: InFlightLimits = { reads: 400, writes: 200, perIdentity: 0.5 };
const mastersGroup = "system:masters";
const longRunning = new Set(["attach", "exec", "log", "portforward", "proxy"]);
const writing = new Set(["create", "update", "patch", "delete", "deletecollection"]);
const nothing = (): void => undefined;

/** Counts requests that are short: watches and streams last as long as their client wants. */
export function createInFlight(limits: InFlightLimits = defaults): InFlight {
  const reads = createGate(limits.reads, limits.perIdentity);
  const writes = createGate(limits.writes, limits.perIdentity);
  return {
    enter(user, info) {
      if (info.verb === "watch" || longRunning.has(info.subresource)) return nothing;
      // The cluster's owner gets through to repair it.
      if (user.groups.includes(mastersGroup)) return nothing;
      return (writing.has(info.verb) ? writes : reads)(user.username);
    },
  };
}

function createGate(limit: number, share: number): (identity: string) => () => void {
  const each = Math.max(1, Math.floor(limit * share));
  const counts = new Map<string, number>();
  let total = 0;
  return (identity) => {
    const own = counts.get(identity) ?? 0;
    if (total >= limit || own >= each) {
      throw tooManyRequests("too many requests, please try again later");
    }
    total++;
    counts.set(identity, own + 1);
    return () => {
      total--;
      const left = (counts.get(identity) ?? 1) - 1;
      if (left === 0) counts.delete(identity);
      else counts.set(identity, left);
    };
  };
}
