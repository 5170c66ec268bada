import type { PriorityLevelConfiguration } from "@coracle/shared/api/generated/flowcontrol-v1.ts";
import { ApiError, tooManyRequests } from "@coracle/shared/errors.ts";
import { mastersGroup } from "../authn/groups.ts";
import { isLongRunning } from "../http/deadline.ts";
import type { RequestInfo, UserInfo } from "../request.ts";
import type { WatchCache } from "../watch/cache.ts";
import type { Flow } from "./classify.ts";
import { createQueueSet, type QueueSet } from "./queue-set.ts";
import { divideSeats, type Seats } from "./seats.ts";

/** API Priority and Fairness: how many requests of each priority level are under way, and which of the others wait. */
export interface FlowControl {
  /**
   * Lets a request begin, at once where that is possible.
   * @returns what to call when it has been answered. @throws ApiError 429
   */
  enter(request: FlowRequest): Leave | Promise<Leave>;
  /** The limited levels as they are now. */
  stats(): readonly LevelStats[];
}

export type Leave = () => void;

export interface FlowRequest {
  readonly flow: Flow | undefined;
  readonly user: UserInfo;
  readonly info: RequestInfo;
  readonly signal: AbortSignal;
}

export interface LevelStats extends Seats {
  readonly level: string;
  readonly executing: number;
  readonly waiting: number;
  readonly dispatched: number;
  readonly rejected: Readonly<Record<Rejection, number>>;
}

export type Rejection = "concurrency-limit" | "queue-full" | "time-out" | "cancelled";

export interface FlowControlOptions {
  /** Upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight` together. */
  readonly seats?: number;
  /** How long a request may wait in a queue: a quarter of what it has in all, as upstream. */
  readonly waitMs?: number;
}

interface Waiter {
  readonly start: () => void;
}

interface Level {
  readonly name: string;
  seats: Seats;
  /** Absent where what is too much is refused. */
  queues: QueueSet<Waiter> | undefined;
  queuing: string;
  executing: number;
  dispatched: number;
  rejected: Record<Rejection, number>;
}

const storage = "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io";
const nothing = (): void => undefined;

export function createFlowControl(
  cache: Pick<WatchCache, "all" | "onChange">,
  { seats = 600, waitMs = 15_000 }: FlowControlOptions = {},
): FlowControl {
  let levels: Map<string, Level> | undefined;
  let known = new Map<string, Level>();
  cache.onChange(({ current: { key } }) => {
    if (key.resource === storage) levels = undefined;
  });
  const current = (): Map<string, Level> => (levels ??= known = readLevels(cache, seats, known));

  /** A level has its own seats that it does not lend; of the rest, all levels take what is free. */
  const mayRun = (level: Level): boolean => {
    const { nominal, lendable, borrowable } = level.seats;
    if (level.executing < nominal - lendable) return true;
    return level.executing < nominal + borrowable && poolUsed(current()) < poolSize(current());
  };
  const run = (level: Level): Leave => {
    level.executing++;
    level.dispatched++;
    return () => {
      level.executing--;
      serveWaiting(level);
    };
  };
  /** What one level leaves may be the next request of any. */
  const serveWaiting = (first: Level): void => {
    for (const level of [first, ...current().values()]) {
      while (level.queues?.size && mayRun(level)) level.queues.next()?.start();
    }
  };
  const refuse = (level: Level, why: Rejection): ApiError => {
    level.rejected[why]++;
    return tooManyRequests("too many requests, please try again later");
  };
  const wait = (level: Level, flow: string, signal: AbortSignal): Promise<Leave> => {
    const { promise, resolve, reject } = Promise.withResolvers<Leave>();
    const queues = level.queues;
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
    };
    const give = (why: Rejection): void => {
      settle();
      queues?.remove(waiter);
      reject(refuse(level, why));
    };
    const gone = (): void => give("cancelled");
    const timer = setTimeout(() => give("time-out"), waitMs);
    const waiter: Waiter = {
      start() {
        settle();
        resolve(run(level));
      },
    };
    signal.addEventListener("abort", gone, { once: true });
    if (signal.aborted) gone();
    else if (!queues?.add(flow, waiter)) give("queue-full");
    return promise;
  };

  return {
    enter({ flow, user, info, signal }) {
      // The cluster's owner gets through to repair it, whatever has become of the schemas.
      if (!flow || isLongRunning(info) || user.groups.includes(mastersGroup)) return nothing;
      const level = current().get(flow.levelName);
      if (!level) return nothing;
      if (!level.queues?.size && mayRun(level)) return run(level);
      if (!level.queues) throw refuse(level, "concurrency-limit");
      return wait(level, flowOf(flow, user, info), signal);
    },
    stats: () =>
      [...current().values()].map(({ name, seats: own, executing, queues, dispatched, rejected }) => ({
        level: name,
        ...own,
        executing,
        waiting: queues?.size ?? 0,
        dispatched,
        rejected,
      })),
  };
}

function flowOf({ schemaName, distinguisher }: Flow, user: UserInfo, info: RequestInfo): string {
  const part =
    distinguisher === "ByUser" ? user.username : distinguisher === "ByNamespace" ? info.namespace : "";
  return `${schemaName}\0${part}`;
}

const poolSize = (levels: ReadonlyMap<string, Level>): number =>
  levels.values().reduce((sum, { seats }) => sum + seats.lendable, 0);
const poolUsed = (levels: ReadonlyMap<string, Level>): number =>
  levels
    .values()
    .reduce(
      (sum, { seats, executing }) => sum + Math.max(0, executing - (seats.nominal - seats.lendable)),
      0,
    );

/** The limited levels as they are configured now; what is under way in them goes on. */
function readLevels(
  cache: Pick<WatchCache, "all">,
  total: number,
  before: ReadonlyMap<string, Level>,
): Map<string, Level> {
  const objects = [...cache.all(storage)].map((item) => item.object as unknown as PriorityLevelConfiguration);
  const divided = divideSeats(total, objects);
  const levels = new Map<string, Level>();
  for (const { metadata, spec } of objects) {
    const name = metadata.name ?? "";
    const seats = divided.get(name);
    if (!seats) continue;
    const level = before.get(name) ?? newLevel(name, seats);
    level.seats = seats;
    configureQueues(level, spec);
    levels.set(name, level);
  }
  for (const level of before.values()) if (!levels.has(level.name)) startAll(level.queues);
  return levels;
}

const newLevel = (name: string, seats: Seats): Level => ({
  name,
  seats,
  queues: undefined,
  queuing: "",
  executing: 0,
  dispatched: 0,
  rejected: { "concurrency-limit": 0, "queue-full": 0, "time-out": 0, cancelled: 0 },
});

/** Queues stay as they are until they are configured differently; who waits in old ones begins at once. */
function configureQueues(level: Level, spec: PriorityLevelConfiguration["spec"]): void {
  const queuing = spec?.limited?.limitResponse?.queuing;
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing ?? {};
  const text = queuing ? `${queues}/${handSize}/${queueLengthLimit}` : "";
  if (text === level.queuing) return;
  const old = level.queues;
  level.queuing = text;
  level.queues = queuing && createQueueSet({ queues, handSize, queueLengthLimit });
  startAll(old);
}

function startAll(queues: QueueSet<Waiter> | undefined): void {
  for (let waiter = queues?.next(); waiter; waiter = queues?.next()) waiter.start();
}
