import { Agent, request } from "node:https";
import { expect, test } from "vitest";
import { kubeconfig as readKubeconfig } from "@coracle/shared/client/https.ts";
import { kubeconfig } from "./support/run.ts";

/** How many requests; the full run of 100,000 is for `CORACLE_FUZZ=100000`. */
const count = Number(process.env["CORACLE_FUZZ"] ?? 20_000);
const width = 64;
const seed = Number(process.env["CORACLE_FUZZ_SEED"] ?? Date.now() % 1_000_000);

/** A small generator that can be started again from the seed a failure prints (mulberry32). */
function random(state: number): () => number {
  let s = state;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const paths = [
  "api",
  "apis",
  "v1",
  "apps",
  "batch",
  "namespaces",
  "default",
  "pods",
  "deployments",
  "jobs",
  "status",
  "scale",
  "log",
  "exec",
  "proxy",
  "configmaps",
  "secrets",
  "nodes",
  "events",
  "watch",
  "..",
  "%2e%2e",
  "%00",
  "",
  "a".repeat(300),
  "💥",
  "services",
  "x:80",
  "openapi",
  "v3",
  "version",
  "metrics",
  "coracle",
  "changes",
];
const queries = [
  "watch=true&timeoutSeconds=1",
  "limit=-1",
  "limit=1&continue=AAAA",
  "labelSelector=a in (",
  "labelSelector=%21",
  "fieldSelector=spec.nope=1",
  "resourceVersion=abc",
  "resourceVersion=99999999999999999999",
  "resourceVersionMatch=Exact",
  "dryRun=None",
  "fieldValidation=Loud",
  "fieldManager=" + "m".repeat(200),
  "timeoutSeconds=x",
  "sendInitialEvents=true",
  "gracePeriodSeconds=-5",
  "propagationPolicy=Sideways",
  "container=..&tailLines=-1",
  "command=",
  "pretty=1",
  "as=Table",
  "force=maybe",
];
const types = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "text/plain",
  "application/json; charset=utf-9",
  "",
];
const accepts = [
  "application/json",
  "application/json;as=Table;v=v1;g=meta.k8s.io",
  "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  "application/vnd.kubernetes.protobuf",
  "image/png",
  "*/*;q=x",
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
];
const bodies = [
  "",
  "{",
  "[]",
  "null",
  "0",
  '"x"',
  "{}",
  '{"metadata":null}',
  '{"metadata":{"name":5}}',
  '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":{}}}',
  '[{"op":"test","path":"/a/b","value":1}]',
  '[{"op":"copy","from":"/","path":"/metadata/x"}]',
  '[{"op":"explode"}]',
  '{"spec":{"template":{"spec":{"containers":[{"$patch":"replace"}]}}}}',
  "a: &a [*a]",
  "a: b: c",
  "k8s\0\0\0\0",
  "k8s\0\x0a\xff\xff\xff\xff\x0f",
  `{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
  `{"data":"${"x".repeat(100_000)}"}`,
  '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ok","labels":{"a":{}}}}',
  '{"__proto__":{"polluted":1}}',
  '{"metadata":{"managedFields":[{"fieldsV1":5}]}}',
];
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "LOCK"];

test(`${count} random requests: no server error, no crash, no growth (seed ${seed})`, async () => {
  const config = await readKubeconfig(kubeconfig);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: width,
    ca: config.ca,
    cert: config.cert,
    key: config.key,
  });
  const send = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = "",
  ): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(config.server),
        { agent, method, path, headers, timeout: 10_000 },
        (response) => {
          let text = "";
          response.on("data", (d: Buffer) => (text.length < 4_000_000 ? (text += d.toString()) : undefined));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
          response.on("error", reject);
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer: ${method} ${path}`)));
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  const residentMiB = async (): Promise<number> => {
    const metrics = (await send("GET", "/metrics")).text;
    return Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]) / 1_048_576;
  };

  const next = random(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const bad: string[] = [];
  let sent = 0;
  const one = async (): Promise<void> => {
    const real = next() < 0.4;
    const path = real
      ? pick([
          "/api/v1/namespaces/fuzz-none/pods",
          "/api/v1/namespaces/fuzz-none/configmaps/x",
          "/apis/apps/v1/namespaces/fuzz-none/deployments/x/scale",
          "/api/v1/nodes/none/status",
          "/apis/batch/v1/jobs",
        ])
      : `/${Array.from({ length: 1 + Math.floor(next() * 7) }, () => pick(paths)).join("/")}`;
    const query = next() < 0.5 ? `?${pick(queries)}` : "";
    const method = pick(methods);
    const headers: Record<string, string> = { "content-type": pick(types), accept: pick(accepts) };
    const body = method === "GET" || method === "HEAD" || method === "TRACE" ? "" : pick(bodies);
    const url = encodeURI(`${path}${query}`).replace(/%25/g, "%");
    try {
      const { status, text } = await send(method, url, headers, body);
      if (status >= 500 && status !== 501 && status !== 503 && status !== 504)
        bad.push(
          `${method} ${url} ${headers["content-type"]} ${body.slice(0, 80)} → ${status} ${text.slice(0, 200)}`,
        );
    } catch (error) {
      bad.push(`${method} ${url} → ${(error as Error).message}`);
    }
  };
  const before = await residentMiB();
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (sent++ < count && bad.length < 20) await one();
    }),
  );
  expect(bad).toEqual([]);
  expect((await send("GET", "/readyz")).status).toBe(200);
  // Warm-up of the compiler and of pools is growth too; what must not be is growth with the number of requests.
  expect(await residentMiB()).toBeLessThan(before * 2 + 150);
  expect(JSON.parse((await send("GET", "/api/v1/namespaces/fuzz-none/configmaps")).text)).toMatchObject({
    items: [],
  });
  agent.destroy();
}, 600_000);
