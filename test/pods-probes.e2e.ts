import type { ContainerStatus, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { beforeAll, expect, test } from "vitest";
import { busybox, testserver } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { podsIn } from "./support/pods.ts";
import { eventually, kubectl, kubectlBackground } from "./support/run.ts";

const ns = useNamespace("probes");
const { apply, pod, ready, sh, logs, events } = podsIn(ns);
const box = `image: ${busybox}, command: [sh, -c]`;
const idle = "trap 'exit 0' TERM; while :; do sleep 0.5; done";
const head = (name: string): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec:\n  terminationGracePeriodSeconds: 60\n`;
/** Often, and patient with a busy machine. */
const often = "periodSeconds: 1, timeoutSeconds: 20";

/** HTTP that shows what it was asked, with a redirect that leads away; gRPC health that knows one service. */
const server = `
const http = require("node:http"), http2 = require("node:http2");
http.createServer((q, a) => {
  console.log(q.url, q.headers.host, q.headers["x-key"], q.headers["user-agent"]);
  if (q.url === "/away") a.writeHead(302, { location: "http://elsewhere.invalid/" }).end("gone");
  else if (q.url === "/back") a.writeHead(307, { location: "/fine" }).end();
  else a.writeHead(q.url === "/bad" ? 500 : 200).end();
}).listen(8080);
http2.createServer().on("stream", (s) => {
  const parts = [];
  s.on("data", (d) => parts.push(d)).on("end", () => {
    const known = Buffer.concat(parts).toString().endsWith("mine");
    s.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    s.on("wantTrailers", () => s.sendTrailers({ "grpc-status": known ? "0" : "5" }));
    s.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, 1]) : undefined);
  });
}).listen(9000);
process.on("SIGTERM", () => process.exit());
`;
const serve = `image: "${testserver}", command: [node, -e, ${JSON.stringify(server)}]`;

beforeAll(() =>
  apply(`${head("server")}
  containers:
    - { name: main, ${serve}, ports: [{ name: web, containerPort: 8080 }],
        startupProbe: { httpGet: { path: /start, port: web }, ${often}, failureThreshold: 60 },
        readinessProbe: { httpGet: { path: /back, port: web, httpHeaders: [{ name: X-Key, value: k }, { name: Host, value: my.host }] }, ${often} },
        livenessProbe: { httpGet: { path: /away, port: 8080 }, ${often} },
        lifecycle: { preStop: { httpGet: { path: /stop, port: web } } } }
    - { name: grpc, ${box}, args: ["${idle}"], readinessProbe: { grpc: { port: 9000, service: mine }, ${often} } }
    - { name: tcp, ${box}, args: ["${idle}"], readinessProbe: { tcpSocket: { port: 9000 }, ${often} } }
${head("lacking")}
  containers:
    - { name: main, ${serve} }
    - { name: grpc, ${box}, args: ["${idle}"], readinessProbe: { grpc: { port: 9000, service: other }, ${often} } }
    - { name: http, ${box}, args: ["${idle}"], readinessProbe: { httpGet: { path: /bad, port: 8080 }, ${often} } }
    - { name: tcp, ${box}, args: ["${idle}"], readinessProbe: { tcpSocket: { port: 1 }, ${often} } }
    - { name: exec, ${box}, args: ["${idle}"], readinessProbe: { exec: { command: [sh, -c, "echo not yet; exit 1"] }, ${often} } }
    - { name: slow, ${box}, args: ["${idle}"], readinessProbe: { exec: { command: [sleep, "30"] }, periodSeconds: 1 } }
${head("flips")}
  containers: [{ name: main, ${box}, args: ["touch /tmp/up; ${idle}"],
    readinessProbe: { exec: { command: [test, -f, /tmp/up] }, ${often}, failureThreshold: 1, successThreshold: 2 } }]
${head("condemned")}
  containers:
    - { name: main, ${box}, args: ["trap '' TERM; while :; do sleep 0.5; done"],
        livenessProbe: { exec: { command: ["false"] }, ${often}, failureThreshold: 1, terminationGracePeriodSeconds: 1 } }
    - { name: late, ${box}, args: ["trap '' TERM; while :; do sleep 0.5; done"],
        startupProbe: { exec: { command: ["false"] }, ${often}, failureThreshold: 2, terminationGracePeriodSeconds: 1 } }
`),
);

const status = (p: Pod, name = "main"): ContainerStatus | undefined =>
  p.status?.containerStatuses?.find((s) => s.name === name);

test("HTTP probes send their headers, follow redirects at home and warn of those that lead away", async () => {
  await ready("server");
  await eventually("the liveness probe warned", async () =>
    (await events("server")).includes(
      "ProbeWarning: Liveness probe warning: Probe terminated redirects, Response body: gone",
    ),
  );
  const asked = (await logs("server", "-c", "main")).split("\n");
  expect(asked).toContain("/back my.host k kube-probe/1.36");
  expect(asked.some((line) => line.startsWith("/fine "))).toBe(true);
  // The others wait for the startup probe.
  expect(asked[0]).toMatch(/^\/start /);
  expect(status(await pod("server"))).toMatchObject({ restartCount: 0, started: true, ready: true });
});

test("a failing probe says why", async () => {
  const told = await eventually("each has said it", async () => {
    const text = await events("lacking");
    return [
      "Readiness probe failed: service unhealthy|health rpc probe failed",
      "Readiness probe failed: HTTP probe failed with statuscode: 500",
      "Readiness probe failed: dial tcp \\S+:1: connect: connection refused",
      "Readiness probe failed: not yet",
      'Readiness probe failed: command timed out: "sleep 30" timed out after 1s',
    ].every((line) => new RegExp(`Unhealthy: .*(${line})`).test(text))
      ? text
      : undefined;
  });
  expect(told).not.toContain("Killing");
  const now = await pod("lacking");
  for (const name of ["grpc", "http", "tcp", "exec", "slow"])
    expect(status(now, name), name).toMatchObject({ ready: false, started: true, restartCount: 0 });
});

test("readiness goes and comes back, after as many answers as it asks for", async () => {
  await ready("flips");
  await sh("flips", "rm /tmp/up");
  await kubectl("wait", "-n", ns, "--for=condition=Ready=false", "pod/flips", "--timeout=60s");
  await sh("flips", "touch /tmp/up");
  await ready("flips");
  expect(status(await pod("flips"))?.restartCount).toBe(0);
});

test("liveness and startup probes end their container within a grace of their own", async () => {
  const restarted = await eventually("both were ended and run again", async () => {
    const now = await pod("condemned");
    return ["main", "late"].every((name) => (status(now, name)?.restartCount ?? 0) > 0) ? now : undefined;
  });
  for (const name of ["main", "late"]) {
    const end = status(restarted, name)?.lastState?.terminated;
    expect(end?.exitCode, name).toBe(137);
    // The pod's own grace is a minute.
    expect(Date.parse(end?.finishedAt ?? "") - Date.parse(end?.startedAt ?? "")).toBeLessThan(50_000);
  }
  const told = await events("condemned");
  expect(told).toContain("Killing: Container main failed liveness probe, will be restarted");
  expect(told).toContain("Killing: Container late failed startup probe, will be restarted");
});

test("an HTTP hook is delivered before the end", async () => {
  await using follow = kubectlBackground("logs", "-f", "-n", ns, "server", "-c", "main");
  await kubectl("delete", "pod", "server", "-n", ns);
  await eventually("the hook came", () =>
    Promise.resolve(/\/stop \S+ undefined kube-lifecycle\/1\.36/.test(follow.output())),
  );
});

test("the node counts the probes of its pods, by kind and result", async () => {
  const at = (await pod("flips")).spec?.nodeName ?? "";
  const text = await kubectl("get", "--raw", `/api/v1/nodes/${at}/proxy/metrics/probes`);
  const labels = `container="main",pod="flips",namespace="${ns}",pod_uid="${(await pod("flips")).metadata.uid}"`;
  for (const result of ["successful", "failed"])
    expect(text).toMatch(
      new RegExp(`^prober_probe_total\\{probe_type="Readiness",${labels},result="${result}"\\} \\d`, "m"),
    );
});
