import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { cutWhenOverdue, send } from "./outgoing.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

it("cuts off an answer that is overdue, also one that was before it began, unless it ends in time", () => {
  const cut: string[] = [];
  const stream = (name: string) => ({ destroy: () => cut.push(name) });
  const overdue = new AbortController();
  cutWhenOverdue(stream("slow"), overdue.signal);
  const ends = cutWhenOverdue(stream("ends"), overdue.signal);
  cutWhenOverdue(stream("other"), undefined);
  overdue.abort();
  cutWhenOverdue(stream("late"), overdue.signal);
  vi.advanceTimersByTime(5_000);
  ends();
  expect(cut).toEqual([]);
  vi.advanceTimersByTime(10_000);
  expect(cut).toEqual(["slow", "late"]);
});

it("sends each cookie of a proxied answer on a line of its own", async () => {
  const cookies = ["a=1", "b=2"];
  async function* body(): AsyncGenerator<string> {
    yield await Promise.resolve("x");
  }
  const server = createServer((incoming, outgoing) => {
    void send(incoming, outgoing, { status: 200, headers: {}, cookies, body: body() });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const asked = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  expect(answer.headers["set-cookie"]).toEqual(cookies);
  answer.resume();
  server.close();
});
