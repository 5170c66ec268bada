import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deliver } from "./http-hook.ts";

const asked: IncomingHttpHeaders[] = [];
const server = createServer((request, response) => {
  asked.push(request.headers);
  response.writeHead(500).end();
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => void server.close());

const send = async (action: object): Promise<[string | undefined, number]> => {
  let plain = 0;
  const hook = {
    action: { port, ...action },
    target: { containerId: "c", podAddress: "127.0.0.1", container: { name: "main" } },
    runtime: { exec: () => Promise.reject(new Error("no exec here")) },
    onPlain: () => void (plain += 1),
  };
  return [await deliver(hook, new AbortController().signal), plain];
};

test("a hook is delivered whatever the answer, and says who it is", async () => {
  expect(await send({})).toEqual([undefined, 0]);
  expect(asked.at(-1)?.["user-agent"]).toBe("kube-lifecycle/1.36");
});

test("one for TLS is delivered to a server without, but not what is secret in it", async () => {
  const httpHeaders = [
    { name: "Authorization", value: "s3cr3t" },
    { name: "X-Key", value: "1" },
  ];
  expect(await send({ scheme: "HTTPS", httpHeaders })).toEqual([undefined, 1]);
  expect(asked.at(-1)).toMatchObject({ "x-key": "1" });
  expect(asked.at(-1)).not.toHaveProperty("authorization");
});

test("one that nobody takes says why", async () => {
  const [failure] = await send({ port: 1, scheme: "HTTPS" });
  expect(failure).toContain("connection refused");
});
