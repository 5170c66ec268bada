import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { notFound } from "../errors.ts";
import { createSession, WINDOW_BYTES, type Received, type Session } from "./session.ts";

interface Pair {
  readonly a: Session;
  readonly b: Session;
  /** Bytes on the way or taken in but not yet consumed, at the most. */
  peak(): number;
}

/** Two ends joined by a bus that hands each message over at some later turn, in order. */
function pair(options: { pass?: (frame: number) => boolean; pingMs?: number; deadMs?: number } = {}): Pair {
  let underWay = 0;
  let peak = 0;
  let frames = 0;
  const pass = options.pass ?? (() => true);
  const end = (other: () => Session, abortOnPeerEnd: boolean): Session =>
    createSession({
      publish: (frame) => {
        const copy = Uint8Array.from(frame);
        underWay += copy.length;
        peak = Math.max(peak, underWay);
        if (pass(frames++))
          queueMicrotask(() => {
            underWay -= copy.length;
            other().deliver(copy);
          });
      },
      onClosed: () => undefined,
      abortOnPeerEnd,
      pingMs: options.pingMs,
      deadMs: options.deadMs,
    });
  const a: Session = end(() => b, false);
  const b: Session = end(() => a, true);
  return { a, b, peak: () => peak };
}

const collect = async (from: AsyncIterable<Received>, slow: boolean): Promise<Map<number, Buffer[]>> => {
  const channels = new Map<number, Buffer[]>();
  for await (const item of from) {
    const chunks = channels.get(item.channel) ?? [];
    channels.set(item.channel, chunks);
    if ("data" in item) chunks.push(Buffer.from(item.data));
    else chunks.push(Buffer.from("<closed>"));
    if (slow) await new Promise((resolve) => setImmediate(resolve));
  }
  return channels;
};

const write = fc.record({
  channel: fc.integer({ min: 0, max: 3 }),
  size: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 700_000 })),
  wait: fc.boolean(),
});
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;

async function sendAll(
  session: Session,
  writes: readonly Write[],
  closes: boolean,
): Promise<Map<number, Buffer[]>> {
  const sent = new Map<number, Buffer[]>();
  const pending: Promise<void>[] = [];
  for (const [i, { channel, size, wait }] of writes.entries()) {
    const bytes = Buffer.alloc(size, i + 1);
    sent.set(channel, [...(sent.get(channel) ?? []), bytes]);
    const done = session.send(channel, bytes);
    if (wait) await done;
    else pending.push(done);
  }
  if (closes)
    for (const channel of sent.keys()) {
      session.closeSend(channel);
      sent.get(channel)?.push(Buffer.from("<closed>"));
    }
  await Promise.all(pending);
  return sent;
}

const joined = (channels: Map<number, Buffer[]>): Record<string, string> =>
  Object.fromEntries(
    [...channels].map(
      ([channel, chunks]) => [String(channel), Buffer.concat(chunks).toString("base64")] as const,
    ),
  );

it("loses, reorders and repeats nothing in either direction, and never has more than a window under way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 12 }),
      fc.array(write, { maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      async (up, down, slow, closes) => {
        const { a, b, ...joint } = pair();
        const got = { a: collect(a.receive(), slow), b: collect(b.receive(), slow) };
        const [sentUp, sentDown] = await Promise.all([sendAll(a, up, closes), sendAll(b, down, closes)]);
        // The serving side ends first, with a status; then the opener.
        b.end(notFound({ group: "", resource: "x" }, "y").status);
        expect(joined(await got.a)).toEqual(joined(sentDown));
        expect(await a.ended).toMatchObject({ code: 404 });
        a.end();
        expect(joined(await got.b)).toEqual(joined(sentUp));
        expect(joint.peak()).toBeLessThanOrEqual(2 * WINDOW_BYTES + 4_096);
        expect([a.aborted.aborted, b.aborted.aborted]).toEqual([false, false]);
      },
    ),
    { numRuns: 150 },
  );
});

it("stops a sender whose receiver takes nothing", async () => {
  const { a, b } = pair();
  let sent = 0;
  const sending = (async () => {
    for (;;) {
      await a.send(0, Buffer.alloc(10_000));
      sent += 10_000;
    }
  })();
  sending.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent).toBeGreaterThan(WINDOW_BYTES / 2);
  expect(sent).toBeLessThanOrEqual(WINDOW_BYTES);
  const taken = b.receive()[Symbol.asyncIterator]();
  const before = sent;
  for (let i = 0; i < 10; i++) await taken.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent).toBeGreaterThan(before);
});

it("fails on both sides when a message between is lost", async () => {
  const { a, b } = pair({ pass: (frame) => frame !== 2 });
  const got = collect(b.receive(), false);
  for (let i = 0; i < 5; i++) void a.send(1, Buffer.from(`${i}`)).catch(() => undefined);
  await expect(got).rejects.toMatchObject({ code: 503 });
  expect(b.aborted.aborted).toBe(true);
  expect(await a.ended).toMatchObject({ code: 503 });
});

it("tells the serving side that the opener ended, and refuses what it still wants to send", async () => {
  const { a, b } = pair();
  a.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(b.aborted.aborted).toBe(true);
  await expect(b.send(1, Buffer.from("late"))).rejects.toMatchObject({ code: 503 });
});

it("frees a sender that waits for credit when the peer ends", async () => {
  const { a, b } = pair();
  const stuck = a.send(0, Buffer.alloc(WINDOW_BYTES * 2));
  b.end();
  await expect(stuck).rejects.toMatchObject({ code: 503 });
  a.end();
});

it("tells who still sends why the peer would not go on", async () => {
  const { a, b } = pair();
  b.end(notFound({ group: "", resource: "pods" }, "web").status);
  await new Promise((resolve) => setImmediate(resolve));
  await expect(a.send(0, Buffer.from("late"))).rejects.toMatchObject({ code: 404 });
  a.end();
});

describe("a silent peer", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "performance"] }));
  afterEach(() => vi.useRealTimers());

  it("is kept while it answers, and given up when it does not", async () => {
    let cut = false;
    const { a, b } = pair({ pass: () => !cut, pingMs: 1_000, deadMs: 3_000 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect([a.aborted.aborted, b.aborted.aborted]).toEqual([false, false]);
    cut = true;
    await vi.advanceTimersByTimeAsync(5_000);
    expect([a.aborted.aborted, b.aborted.aborted]).toEqual([true, true]);
  });
});
