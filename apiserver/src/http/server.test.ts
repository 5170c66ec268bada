import { once } from "node:events";
import { Agent, request, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthenticate } from "../authn/authenticate.ts";
import { impersonate } from "../authn/impersonate.ts";
import type { Authorize } from "../registry/registry.ts";
import { createTestAuthority, type TestAuthority, type TestCertificate } from "../testing/certificates.ts";
import { startInProcess, type InProcessApi } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";
import { createHttpsServer } from "./server.ts";
import { createUpgrade } from "./upgrade.ts";

const maps = "/api/v1/namespaces/default/configmaps";

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: Buffer;
  readonly body: Record<string, unknown>;
}

describe("the HTTPS server", () => {
  let api: InProcessApi;
  let authority: TestAuthority;
  let client: TestCertificate;
  let server: ReturnType<typeof createHttpsServer>;
  let port: number;

  beforeAll(async () => {
    // Tokens are no part of this: whoever has no certificate is anonymous.
    const authenticate = createAuthenticate({
      serviceAccounts: { verify: () => Promise.resolve(undefined) },
      bootstrap: { verify: () => Promise.resolve(undefined) },
    });
    const authorize: Authorize = ({ username }, { verb }) => ({
      allowed: username !== "reader" || verb === "get",
      reason: "",
    });
    api = await startInProcess({ authenticate, authorize, impersonate });
    authority = await createTestAuthority();
    client = await authority.issue("CN=jane,O=dev,O=ops");
    const tls = { ca: authority.ca, ...(await authority.issue("CN=server", ["localhost"])) };
    server = createHttpsServer({ tls, handle: api.handle, upgrade: createUpgrade(api) });
    server.listen(0);
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await api.stop();
  });

  const open = async (options: RequestOptions, body?: string | Buffer): Promise<IncomingMessage> => {
    const agent = options.agent ?? new Agent({ keepAlive: false });
    const outgoing = request({ host: "localhost", port, ca: authority.ca, ...client, ...options, agent });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    return incoming;
  };
  const send = async (options: RequestOptions, body?: string | Buffer): Promise<Answer> => {
    const incoming = await open(options, body);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const { statusCode: status = 0, headers } = incoming;
    const text = headers["content-encoding"] === "gzip" ? gunzipSync(bytes).toString() : bytes.toString();
    let parsed: unknown = {};
    if (text.startsWith("{")) parsed = JSON.parse(text);
    return { status, headers, bytes, body: parsed as Record<string, unknown> };
  };
  const json = { "content-type": "application/json" };

  it("knows who asks from the client's certificate", async () => {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const { status, body } = await send({ method: "POST", path, headers: json }, "{}");
    expect(status).toBe(201);
    expect(body["status"]).toMatchObject({
      userInfo: { username: "jane", groups: ["dev", "ops", "system:authenticated"] },
    });
    const anonymous = await send(
      { method: "POST", path, headers: json, cert: undefined, key: undefined },
      "{}",
    );
    expect(anonymous.body["status"]).toMatchObject({ userInfo: { username: "system:anonymous" } });
  });

  it("refuses a certificate of somebody else's authority, and a bad token", async () => {
    const stranger = await (await createTestAuthority()).issue("CN=admin,O=system:masters");
    expect((await send({ path: "/version", ...stranger })).body).toMatchObject({
      code: 401,
      reason: "Unauthorized",
    });
    const headers = { authorization: "Bearer nonsense" };
    const token = await send({ path: "/version", headers, cert: undefined, key: undefined });
    expect(token.body).toMatchObject({ code: 401, reason: "Unauthorized" });
  });

  it("refuses a certificate as soon as it has expired, on a connection that it opened too", async () => {
    const expired = await authority.issue("CN=late", [], new Date(Date.now() - 1_000));
    expect((await send({ path: "/version", ...expired })).status).toBe(401);
    const soon = await authority.issue("CN=soon", [], new Date(Date.now() + 2_000));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (): Promise<number> => (await send({ agent, path: "/version", ...soon })).status;
    expect(await ask()).toBe(200);
    await expect.poll(ask, { timeout: 5_000 }).toBe(401);
    agent.destroy();
  });

  it("creates and reads, on one connection", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const made = await send(
      { agent, method: "POST", path: maps, headers: json },
      '{"metadata":{"name":"a"},"data":{"text":"Kormorane \u{1F426} über Köln"}}',
    );
    expect(made.status).toBe(201);
    expect(made.body["data"]).toEqual({ text: "Kormorane \u{1F426} über Köln" });
    const read = await send({ agent, path: `${maps}/a` });
    expect(read.body).toEqual(made.body);
    const head = await send({ agent, method: "HEAD", path: `${maps}/a` });
    expect(head.status).toBe(200);
    expect(head.bytes).toHaveLength(0);
    expect(Number(head.headers["content-length"])).toBe(read.bytes.length);
    agent.destroy();
  });

  it("packs large answers for those who can unpack them", async () => {
    const data = { k: "x".repeat(200_000) };
    await raw(api, "POST", maps, {
      body: { metadata: { name: "big" }, data },
      user: { username: "x", groups: [] },
    });
    const packed = await send({ path: `${maps}/big`, headers: { "accept-encoding": "gzip" } });
    expect(packed.headers["content-encoding"]).toBe("gzip");
    expect(packed.bytes.length).toBeLessThan(20_000);
    expect(packed.body["data"]).toEqual(data);
    const plain = await send({ path: `${maps}/big` });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(plain.body["data"]).toEqual(data);
  });

  it("refuses bodies over 3 MiB, said or not", async () => {
    const large = Buffer.alloc(3 * 1024 * 1024 + 1, " ");
    const said = await send({ method: "POST", path: maps, headers: json }, large);
    expect(said.body).toMatchObject({ code: 413, reason: "RequestEntityTooLarge" });
    const headers = { ...json, "transfer-encoding": "chunked" };
    const unsaid = await send({ method: "POST", path: maps, headers }, large);
    expect(unsaid.body).toMatchObject({ code: 413, reason: "RequestEntityTooLarge" });
  });

  it("takes long selectors and tokens", async () => {
    expect((await send({ path: `${maps}?fieldSelector=metadata.name=${"a".repeat(900_000)}` })).status).toBe(
      200,
    );
  });

  it("keeps groups to impersonate apart, whatever is in their names", async () => {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const headers = { ...json, "impersonate-user": "ann", "impersonate-group": ["CN=a,OU=b", "c"] };
    const { body } = await send({ method: "POST", path, headers }, "{}");
    expect(body["status"]).toMatchObject({
      userInfo: { username: "ann", groups: ["CN=a,OU=b", "c", "system:authenticated"] },
    });
  });

  it("refuses a path that cannot be decoded", async () => {
    expect((await send({ path: "/api/v1/namespaces/%ff/pods" })).body).toMatchObject({ code: 400 });
  });

  it("sends a watch's headers at once and each event as it happens, and ends it with the client", async () => {
    const agent = new Agent({ keepAlive: false });
    const incoming = await open({ agent, path: `${maps}?watch=true&resourceVersion=1&labelSelector=live` });
    expect(incoming.statusCode).toBe(200);
    const watchers = (): number => api.registry.cache.stats().watchers;
    expect(watchers()).toBe(1);
    const chunk = once(incoming, "data");
    const body = '{"metadata":{"name":"live","labels":{"live":""}}}';
    await send({ method: "POST", path: maps, headers: json }, body);
    const [line] = (await chunk) as [Buffer];
    expect(JSON.parse(line.toString())).toMatchObject({
      type: "ADDED",
      object: { metadata: { name: "live" } },
    });
    incoming.destroy();
    await expect.poll(watchers).toBe(0);
  });

  it("hears no offer to upgrade from what changes something, and takes its body for what it is", async () => {
    const headers = { ...json, connection: "Upgrade", upgrade: "websocket" };
    const body = '{"metadata":{"name":"kept"},"data":{"a":"b"}}';
    const made = await send({ method: "POST", path: maps, headers }, body);
    expect([made.status, made.body["data"]]).toEqual([201, { a: "b" }]);
    const path = `${maps}/kept`;
    const options = '{"dryRun":["All"]}';
    const length = { "content-length": options.length };
    const deletion = await send({ method: "DELETE", path, headers: { ...headers, ...length } }, options);
    expect(deletion.status).toBe(200);
    expect((await send({ path })).status).toBe(200);
  });

  it("lets nobody into a container who may only read, though a WebSocket begins with a GET", async () => {
    const headers = { connection: "Upgrade", upgrade: "websocket" };
    const reader = await authority.issue("CN=reader");
    for (const verb of ["exec", "attach", "portforward"]) {
      const path = `/api/v1/namespaces/default/pods/none/${verb}`;
      expect((await send({ path, headers, ...reader })).body).toMatchObject({
        code: 403,
        message: `pods "none" is forbidden: User "reader" cannot create resource "pods/${verb}" in API group "" in the namespace "default"`,
      });
      expect((await send({ path, headers })).status).toBe(404);
    }
  });

  it("upgrades only what there is, by the methods that there are", async () => {
    const headers = { connection: "Upgrade", upgrade: "websocket" };
    // A proxy to a thing that says of itself where it runs, as a pod does.
    const thing = await send({ path: `${maps}/any/proxy/`, headers });
    expect([thing.status, thing.body["message"]]).toEqual([
      404,
      "the server could not find the requested resource",
    ]);
    const exec = "/api/v1/namespaces/default/pods/none/exec";
    expect((await send({ method: "DELETE", path: exec, headers })).status).toBe(405);
  });

  it("answers a refused upgrade with a Status", async () => {
    const headers = { connection: "Upgrade", upgrade: "SPDY/3.1" };
    const path = "/api/v1/namespaces/default/pods/none/exec?command=ls&stdout=true";
    const { status, body } = await send({ method: "POST", path, headers });
    expect(status).toBe(404);
    expect(body).toMatchObject({ kind: "Status", reason: "NotFound" });
  });
});
