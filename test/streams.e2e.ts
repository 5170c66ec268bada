import { once } from "node:events";
import { connect } from "node:net";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { busybox, testserver } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { Raw } from "./support/raw.ts";
import { eventually, kubectl, kubectlBackground, tryKubectl, tryKubectlWith } from "./support/run.ts";

const ns = useNamespace("streams");
const { apply, ready, logs, pod } = podsIn(ns);
const raw = new Raw();
const at = (rest: string): string => `/api/v1/namespaces/${ns}/pods/${rest}`;

/** Says who it is, sends pages with links and redirections, and takes up any offer to leave HTTP. */
const site = `
const http = require("node:http");
const server = http.createServer((q, r) => {
  if (q.url === "/page") r.writeHead(200, { "content-type": "text/html" }).end('<a href="/next?x=1">n</a><img src=/i.png><a href="rel">r</a>');
  else if (q.url === "/old") r.writeHead(302, { location: "/new?x=1" }).end();
  else r.setHeader("x-method", q.method), r.end(JSON.stringify({ url: q.url, headers: q.headers }));
});
server.on("upgrade", (q, s) => {
  s.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: " +
    require("node:crypto").createHash("sha1").update(q.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64") + "\\r\\n\\r\\n");
  s.write(Buffer.concat([Buffer.from([0x81, q.url.length]), Buffer.from(q.url)]));
  s.end(Buffer.from([0x88, 0]));
});
server.listen(8080);
require("node:net").createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(8081);
`;

beforeAll(async () => {
  await apply(`
apiVersion: v1
kind: Pod
metadata: { name: talk }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  initContainers:
    - { name: before, image: ${busybox}, command: [echo, first] }
  containers:
    - name: main
      image: ${busybox}
      command: [sh, -c, "for i in 1 2 3; do echo out $i; echo err $i >&2; done; sleep 100000"]
    - { name: side, image: ${busybox}, command: [sh, -c, "echo aside; sleep 100000"] }
---
apiVersion: v1
kind: Pod
metadata: { name: again }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      command: [sh, -c, "echo one; [ -e /state/go ] && sleep 100000; until [ -e /state/go ]; do sleep 0.2; done; echo end; exit 3"]
      volumeMounts: [{ name: state, mountPath: /state }]
  volumes: [{ name: state, emptyDir: {} }]
---
apiVersion: v1
kind: Pod
metadata: { name: waiting }
spec:
  containers: [{ name: main, image: ${busybox}, volumeMounts: [{ name: v, mountPath: /v }] }]
  volumes: [{ name: v, configMap: { name: nowhere } }]
---
apiVersion: v1
kind: Pod
metadata: { name: site, labels: { app: site } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${testserver}
      command: ["node", "-e", ${JSON.stringify(site)}]
      ports: [{ name: http, containerPort: 8080 }]
      readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: site }
spec: { selector: { app: site }, ports: [{ name: web, port: 80, targetPort: http }, { name: echo, port: 81, targetPort: 8081 }] }
`);
  await ready("talk", "again", "site");
});
afterAll(() => raw.close());

describe("logs", () => {
  test("of one stream, of a number of bytes, since a time", async () => {
    const log = (query: string) => raw.ask("GET", at(`talk/log?container=main&${query}`));
    expect((await log("stream=Stderr")).text).toBe("err 1\nerr 2\nerr 3\n");
    expect((await log("stream=Stdout&limitBytes=8")).text).toBe("out 1\nou");
    expect((await log("sinceTime=2999-01-01T00:00:00Z")).text).toBe("");
    expect((await log("stream=Stdout&tailLines=1")).json().message).toContain(
      "`tailLines` and specific `stream` are mutually exclusive for now",
    );
    expect((await logs("talk", "--all-containers", "--prefix")).split("\n")).toEqual(
      expect.arrayContaining(["[pod/talk/before] first", "[pod/talk/side] aside"]),
    );
  });

  test("need a container's name when there are several, and say why there are none", async () => {
    expect((await raw.ask("GET", at("talk/log"))).json().message).toBe(
      "a container name must be specified for pod talk, choose one of: [main side] or one of the init containers: [before]",
    );
    const { stderr } = await tryKubectl("logs", "-n", ns, "waiting");
    expect(stderr).toContain('container "main" in pod "waiting" is waiting to start: ContainerCreating');
  });

  test("of the previous instance are kept, and a follower goes on with the next", async () => {
    await using follow = kubectlBackground("logs", "-f", "-n", ns, "again");
    await expect.poll(() => follow.output(), { timeout: 60_000 }).toBe("one\n");
    await kubectl("exec", "-n", ns, "again", "--", "touch", "/state/go");
    await expect.poll(() => follow.output(), { timeout: 60_000 }).toBe("one\nend\none\n");
    expect(await logs("again", "--previous")).toBe("one\nend\n");
  });

  test("come over a WebSocket, as bytes or in base64", async () => {
    const path = at("talk/log?container=side");
    const binary = await raw.talk(path, { protocols: ["binary.k8s.io"] });
    expect([binary.protocol, Buffer.concat(binary.frames).toString()]).toEqual(["binary.k8s.io", "aside\n"]);
    const text = await raw.talk(path, { protocols: ["base64.binary.k8s.io"] });
    expect(Buffer.from(text.frames.join(""), "base64").toString()).toBe("aside\n");
    expect(
      (await raw.talk(at("talk/log?container=no"), { protocols: ["binary.k8s.io"] })).refused?.text,
    ).toContain("container no is not valid for pod talk");
  });
});

test("a watch over a WebSocket has an event in each message", async () => {
  const { frames } = await raw.talk(at("?watch=1&fieldSelector=metadata.name=talk").replace("/?", "?"), {
    until: () => true,
  });
  expect(JSON.parse(String(frames[0]))).toMatchObject({
    type: "ADDED",
    object: { metadata: { name: "talk" } },
  });
});

describe("exec and attach", () => {
  const exec = (container: string, ...command: string[]): string =>
    at(
      `talk/exec?container=${container}&stdout=1&stderr=1&stdin=1${command.map((c) => `&command=${encodeURIComponent(c)}`).join("")}`,
    );

  test("speak every WebSocket protocol there was", async () => {
    const first = await raw.talk(exec("main", "echo", "hi"), { protocols: ["channel.k8s.io"] });
    expect(Buffer.concat(first.frames).toString()).toBe("\u0001\u0001hi\n\u0003");
    const base64 = await raw.talk(exec("main", "echo", "hi"), { protocols: ["base64.channel.k8s.io"] });
    expect(base64.frames.join("")).toBe("11aGkK3");
    const v4 = await raw.talk(exec("main", "sh", "-c", "exit 7"), { protocols: ["v4.channel.k8s.io"] });
    expect(JSON.parse(v4.frames.at(-1)?.toString("utf8", 1) ?? "")).toMatchObject({
      status: "Failure",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "7" }] },
    });
    const v5 = await raw.talk(exec("main", "cat"), {
      protocols: ["v5.channel.k8s.io"],
      say: [Buffer.from("\0in and out"), Buffer.from([255, 0])],
    });
    expect(Buffer.concat(v5.frames).toString()).toContain("in and out");
  });

  test("say what does not run, by its exit code too", async () => {
    const gone = await tryKubectl("exec", "-n", ns, "talk", "-c", "before", "--", "ls");
    expect(gone.stderr).toContain('unable to upgrade connection: container not found ("before")');
    const missing = await tryKubectl("exec", "-n", ns, "talk", "-c", "main", "--", "no-such-command");
    expect(missing.code).toBe(126);
    expect(missing.stdout + missing.stderr).toContain("executable file not found in $PATH");
    const plain = await raw.ask("POST", exec("main", "ls"));
    expect([plain.status, plain.json().message]).toEqual([400, "Upgrade request required"]);
  });

  test("kubectl run --rm -i ends with the exit code of the container", async () => {
    const run = `run guest -n ${ns} --image=${busybox} --restart=Never --rm -i --quiet -- sh -c`;
    const said = await tryKubectlWith("word\n", ...run.split(" "), "read x; sleep 1; echo got $x; exit 9");
    expect(said).toMatchObject({ code: 9, stdout: expect.stringContaining("got word") });
    expect(said.stderr).not.toContain("falling back");
  });

  test("kubectl cp carries a folder both ways, byte for byte", async () => {
    const folder = await mkdtemp(join(tmpdir(), "coracle-cp-"));
    try {
      await mkdir(join(folder, "there/deep"), { recursive: true });
      const big = randomBytes(12 * 1024 * 1024);
      await writeFile(join(folder, "there/big"), big);
      await writeFile(join(folder, "there/deep/a b"), "small");
      await kubectl("cp", "-n", ns, "-c", "main", join(folder, "there"), "talk:/tmp/there");
      await kubectl("cp", "-n", ns, "-c", "main", "talk:/tmp/there", join(folder, "back"));
      const digest = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
      expect(digest(await readFile(join(folder, "back/big")))).toBe(digest(big));
      expect(await readFile(join(folder, "back/deep/a b"), "utf8")).toBe("small");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("port-forward", () => {
  /** The local ports that kubectl chose, in the order of the remote ones. */
  const forwarded = (output: string): number[] =>
    [...output.matchAll(/Forwarding from 127\.0\.0\.1:(\d+)/g)].map((m) => Number(m[1]));

  test("carries many connections at once, each end closed by itself", async () => {
    await using forward = kubectlBackground("port-forward", "-n", ns, "service/site", ":80", ":81");
    await expect.poll(() => forwarded(forward.output())).toHaveLength(2);
    const [web = 0, echo = 0] = forwarded(forward.output());
    const answers = Array.from({ length: 20 }, async (_, i) =>
      (await fetch(`http://127.0.0.1:${web}/${i}`, { signal: AbortSignal.timeout(60_000) })).json(),
    );
    expect(await Promise.all(answers)).toMatchObject(
      Array.from({ length: 20 }, (_, i) => ({ url: `/${i}` })),
    );
    // All is sent and our side closed before the answer is read.
    const socket = connect({ port: echo, host: "127.0.0.1", allowHalfOpen: true });
    socket.end(Buffer.alloc(1_000_000, "x"));
    let size = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) size += chunk.length;
    expect(size).toBe(1_000_000);
  });

  test("to a port where nobody listens says so", async () => {
    await using forward = kubectlBackground("port-forward", "-n", ns, "pod/site", ":9");
    await expect.poll(() => forwarded(forward.output())).toHaveLength(1);
    const socket = connect(forwarded(forward.output())[0] ?? 0, "127.0.0.1");
    await once(socket.resume(), "close");
    await expect.poll(() => forward.output()).toMatch(/error forwarding port 9 to pod .*Connection refused/);
  });

  test("over WebSocket channels begins each with its port", async () => {
    const number = Buffer.from([0x91, 0x1f]);
    const { frames } = await raw.talk(at("site/portforward?ports=8081"), {
      protocols: ["v4.channel.k8s.io"],
      say: [Buffer.from("\0hello")],
      until: (frame) => frame.includes("hello"),
    });
    expect(frames.slice(0, 2)).toEqual([
      Buffer.concat([Buffer.from([0]), number]),
      Buffer.concat([Buffer.from([1]), number]),
    ]);
    expect(frames.at(-1)?.toString()).toBe("\0hello");
  });
});

describe("proxy", () => {
  const service = `/api/v1/namespaces/${ns}/services`;

  test("takes every method to a pod and to a Service, by the port's name or number", async () => {
    await eventually(
      "the Service has its endpoint",
      async () => (await raw.ask("GET", `${service}/site:web/proxy/`)).status === 200,
    );
    const methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    for (const base of [at("site/proxy"), `${service}/http:site:80/proxy`]) {
      const answers = await Promise.all(
        methods.map((method) => raw.ask(method, `${base}/some/path?q=a%20b`)),
      );
      expect(answers.map((a) => [a.status, a.headers["x-method"]])).toEqual(methods.map((m) => [200, m]));
    }
  });

  test("hands on path, query and headers as they were written", async () => {
    const answer = await raw.ask("GET", at("site:8080/proxy/a%3Fb%20c/?q=%2F+1&z"));
    expect(answer.json()).toMatchObject({
      url: "/a%3Fb%20c/?q=%2F+1&z",
      headers: { "x-forwarded-uri": `${at("site:8080")}/proxy/a%3Fb%20c/` },
    });
  });

  test("leads redirections and links back through itself, and a bare path to its slash", async () => {
    const base = at("site/proxy");
    expect((await raw.ask("GET", `${base}/old`)).headers.location).toBe(`${base}/new?x=1`);
    expect((await raw.ask("GET", `${base}/page`)).text).toBe(
      `<a href="${base}/next?x=1">n</a><img src=${base}/i.png><a href="rel">r</a>`,
    );
    const bare = await raw.ask("GET", `${base}?x=y`);
    expect([bare.status, bare.headers.location]).toEqual([301, `${base}/?x=y`]);
    expect((await raw.ask("POST", `${base}?x=y`)).json()).toMatchObject({ url: "/?x=y" });
  });

  test("lets a WebSocket through", async () => {
    const { frames } = await raw.talk(`${service}/site:web/proxy/chat`);
    expect(frames.map(String)).toEqual(["/chat"]);
    expect((await raw.talk("/api/v1/nodes/node-1/proxy/healthz")).refused).toEqual({
      status: 200,
      text: "ok",
    });
  });

  test("says why it cannot", async () => {
    const why = async (path: string): Promise<unknown[]> => {
      const answer = await raw.ask("GET", path);
      return [answer.status, answer.json().message];
    };
    const address = (await pod("site")).status?.podIP;
    expect(await why(at("site:9/proxy/"))).toEqual([
      503,
      `error trying to reach service: dial tcp ${address}:9: connect: connection refused`,
    ]);
    expect(await why(`${service}/site:no/proxy/`)).toEqual([
      503,
      'no endpoints available for service "site:no"',
    ]);
    expect(await why(`${service}/site:99/proxy/`)).toEqual([
      503,
      'no service port 99 found for service "site"',
    ]);
    expect(await why(`${service}/ftp:site:80/proxy/`)).toEqual([
      400,
      'invalid service request "ftp:site:80"',
    ]);
  });
});
