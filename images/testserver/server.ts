/**
 * The server that tests run in pods: it says who and where it is, echoes, can be made unhealthy, and exits on request.
 *
 * HTTP on PORT (8080), a TCP echo on ECHO_PORT (8081).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { hostname } from "node:os";

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

const health = { live: true, ready: process.env["START_UNREADY"] !== "1" };

const json = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
};

const text = (response: ServerResponse, value: string, status = 200): void => {
  response.writeHead(status, { "content-type": "text/plain" }).end(`${value}\n`);
};

const verdict =
  (kind: keyof typeof health): Handler =>
  (request, response, url) => {
    if (request.method === "POST" || request.method === "PUT")
      health[kind] = url.searchParams.get("ok") !== "0";
    text(response, health[kind] ? "ok" : "not ok", health[kind] || request.method !== "GET" ? 200 : 503);
  };

const routes: Record<string, Handler> = {
  "/": (_request, response) => text(response, hostname()),
  "/hostname": (_request, response) => text(response, hostname()),
  "/env": (_request, response, url) => {
    const name = url.searchParams.get("name");
    json(response, name === null ? process.env : (process.env[name] ?? null));
  },
  "/client": (request, response) =>
    json(response, { address: request.socket.remoteAddress, port: request.socket.remotePort }),
  "/headers": (request, response) => json(response, request.headers),
  "/healthz": verdict("live"),
  "/readyz": verdict("ready"),
  "/slow": async (_request, response, url) => {
    await new Promise((done) => setTimeout(done, Number(url.searchParams.get("ms") ?? 1000)));
    text(response, hostname());
  },
  "/exit": (_request, response, url) => {
    text(response, "bye");
    setImmediate(() => process.exit(Number(url.searchParams.get("code") ?? 0)));
  },
  "/echo": (request, response) => {
    response.writeHead(200, {
      "content-type": request.headers["content-type"] ?? "application/octet-stream",
    });
    request.pipe(response);
  },
};

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const handler = routes[url.pathname];
  if (handler === undefined) return text(response, `no such path: ${url.pathname}`, 404);
  Promise.resolve(handler(request, response, url)).catch((error: unknown) => {
    console.error(error);
    if (!response.headersSent) text(response, String(error), 500);
  });
});

const echo = createTcpServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
});

const port = Number(process.env["PORT"] ?? 8080);
const echoPort = Number(process.env["ECHO_PORT"] ?? 8081);
server.listen(port, () => console.log(`${hostname()} serves http on ${port}`));
echo.listen(echoPort);

process.once("SIGTERM", () => {
  const grace = Number(process.env["STOP_AFTER_MS"] ?? 0);
  console.log(`SIGTERM: ending in ${grace} ms`);
  setTimeout(() => process.exit(0), grace);
});
