/** What the load process is asked to do. Plain data, since it crosses a process boundary. */

/** Many requests of one form; `{i}` in path and body is the number of the request. */
export interface RequestsJob {
  readonly kind: "requests";
  readonly method: string;
  readonly path: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly width: number;
  readonly count: number;
  readonly expect: number;
}

/** Watches of one path until `count` changes have come to each, or nothing comes any more. */
export interface WatchJob {
  readonly kind: "watch";
  readonly path: string;
  readonly watchers: number;
  readonly count: number;
}

/** Subscribes to a subject of a bare broker until `count` messages have come to each subscriber. */
export interface SubscribeJob {
  readonly kind: "subscribe";
  readonly url: string;
  readonly subject: string;
  readonly subscribers: number;
  readonly count: number;
}

export type Job = RequestsJob | WatchJob | SubscribeJob;

export interface Done {
  readonly kind: "done";
  /** Of each request, or of each delivery since the time in it. */
  readonly milliseconds: readonly number[];
  readonly totalMs: number;
  /** CPU time the client itself has taken. */
  readonly cpuMs: number;
}

/** What the process says: watches are open; all is done; it could not be done. */
export type Message =
  | { readonly kind: "open" }
  | Done
  | { readonly kind: "failed"; readonly message: string };

/** Milliseconds of a clock that all processes of this machine share. */
export const clock = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

/** Where a change says when it was sent: in a value of its own, so that a delivery needs no table of what was sent. */
export const sentField = "sent-at-";
