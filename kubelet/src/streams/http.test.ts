import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFakeRuntime } from "../runtime/fake.ts";
import { createLogHttp } from "./http.ts";
import { createOwnServer } from "./port.ts";

const runtime = createFakeRuntime();
let directory = "";
let base = "";
let allowed = true;
const server = createServer((request, response) => {
  const handler = createLogHttp({
    runtime: {
      ...runtime,
      logs: () =>
        Promise.resolve(
          (async function* () {
            yield await Promise.resolve({ channel: 1 as const, data: Buffer.from("one\ntwo\n") });
          })(),
        ),
    },
    pods: {
      container: (_uid, name) =>
        name === "main" ? { id: "c1", tty: false, stdin: false, running: true } : undefined,
      waitingReason: () => "ImagePullBackOff",
      sandboxPid: () => undefined,
      address: () => undefined,
      has: () => true,
      successor: () => Promise.resolve(undefined),
    },
    uidOf: (namespace, name) => (`${namespace}/${name}` === "shop/web" ? "u" : undefined),
    directory,
    isAllowed: () => allowed,
  });
  if (!handler(request, response)) response.writeHead(418).end();
});
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "logs-"));
  await mkdir(join(directory, "sub"));
  await writeFile(join(directory, "a&b.log"), "text");
  await symlink("/etc", join(directory, "out"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true });
});
const get = async (path: string): Promise<[number, string]> => {
  const response = await fetch(base + path, { redirect: "manual" });
  return [response.status, await response.text()];
};

test("a container's log is found by names, with the options of logs", async () => {
  expect(await get("/containerLogs/shop/web/main")).toEqual([200, "one\ntwo\n"]);
  expect(await get("/containerLogs/shop/web/main?limitBytes=5")).toEqual([200, "one\nt"]);
  expect(await get("/containerLogs/shop/none/main")).toEqual([404, 'pods "none" not found\n']);
  expect(await get("/containerLogs/shop/web/other")).toEqual([
    400,
    'container "other" in pod "web" is waiting to start: ImagePullBackOff\n',
  ]);
});

test("the node's log files are listed and read, and no link leads out", async () => {
  expect((await get("/logs"))[0]).toBe(301);
  const [status, list] = await get("/logs/");
  expect(status).toBe(200);
  expect(list).toContain('<a href="a&b.log">a&amp;b.log</a>\n<a href="out">out</a>\n<a href="sub/">sub/</a>');
  expect(await get("/logs/a&b.log")).toEqual([200, "text"]);
  for (const path of ["/logs/out/passwd", "/logs/sub%2f..%2f..%2f..%2fetc%2fpasswd", "/logs/none"])
    expect((await get(path))[0]).toBe(404);
  expect((await get("/other"))[0]).toBe(418);
});

test("what is no path is left to others", async () => {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.end("GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  let answer = "";
  for await (const part of socket) answer += String(part);
  expect(answer).toContain("HTTP/1.1 418");
});

test("logs are given to those only whom the API server has let through", async () => {
  allowed = false;
  for (const path of ["/logs", "/logs/", "/containerLogs/shop/web/main"])
    expect((await get(path))[0]).toBe(403);
  expect((await get("/other"))[0]).toBe(418);
  const port = (server.address() as AddressInfo).port;
  const own = createOwnServer(port);
  const stranger = connect(port, "127.0.0.1");
  const seen: boolean[] = [];
  server.on("request", ({ socket }) => seen.push(own.isOurs(socket)));
  const ours = own.open();
  for (const stream of [ours.input, stranger]) {
    const answered = once(stream, "data");
    stream.write("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
    await answered;
  }
  expect(seen).toEqual([true, false]);
  ours.close();
  stranger.destroy();
});
