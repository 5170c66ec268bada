import type { MsgHdrs, NatsConnection } from "nats";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createNotices, type Notices } from "./notices.ts";

let sent: string[];
let notices: Notices;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  const publish = (subject: string, body: string, { headers }: { headers: MsgHdrs }): void =>
    void sent.push(`${subject} ${headers.get("prev")}..${headers.get("rev")} ${body}`);
  const chain = { group: "", resource: "secrets", shard: "" };
  notices = createNotices({ publish } as unknown as NatsConnection, chain, Date.now);
});
afterEach(() => void vi.useRealTimers());

const add = (name: string, revision: number, previous: number): void =>
  notices.add({ resource: "secrets", namespace: "default", name }, revision, previous);

it("tells of a change at once, and of those that follow quickly in one message", () => {
  add("a", 5, 3);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['feed.core.secrets._._._ 3..5 ["default/a"]']);
  add("b", 6, 5);
  add("c", 8, 6);
  add("b", 9, 8);
  vi.advanceTimersByTime(40);
  expect(sent).toHaveLength(1);
  vi.advanceTimersByTime(20);
  expect(sent[1]).toBe('feed.core.secrets._._._ 5..9 ["default/b","default/c"]');
  vi.advanceTimersByTime(1_000);
  add("a", 10, 9);
  vi.advanceTimersByTime(1);
  expect(sent[2]).toBe('feed.core.secrets._._._ 9..10 ["default/a"]');
});

it("sends what is gathered before anything else of the chain, once", () => {
  add("a", 5, 3);
  notices.flush();
  notices.flush();
  vi.advanceTimersByTime(1_000);
  expect(sent).toEqual(['feed.core.secrets._._._ 3..5 ["default/a"]']);
});

it("leaves a gap where it is", () => {
  add("a", 5, 3);
  // Somebody else may have told of 6.
  add("b", 7, 6);
  vi.advanceTimersByTime(1_000);
  expect(sent).toEqual([
    'feed.core.secrets._._._ 3..5 ["default/a"]',
    'feed.core.secrets._._._ 6..7 ["default/b"]',
  ]);
});
