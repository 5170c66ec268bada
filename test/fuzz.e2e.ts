import { once } from "node:events";
import { Agent, request } from "node:https";
import { connect } from "node:tls";
import { beforeAll, expect, test } from "vitest";
import { kubeconfig as readKubeconfig } from "@coracle/shared/client/https.ts";
import {
  almostRight,
  brokenUpgrade,
  type FuzzRequest,
  pick as pickWith,
  seeded,
} from "./support/fuzz-requests.ts";
import { webImage } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { kubeconfig, kubectlWith } from "./support/run.ts";

/** How many requests; the full run of 100,000 is for `CORACLE_FUZZ=100000`. */
const count = Number(process.env["CORACLE_FUZZ"] ?? 10_000);
const width = 64;
const seed = Number(process.env["CORACLE_FUZZ_SEED"] ?? Date.now() % 1_000_000);

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

const ns = useNamespace("fuzz");
const core = `/api/v1/namespaces/${ns}`;
/** What is there to be patched, in the namespace and nowhere else. */
const objects = [
  [`${core}/configmaps`, "map"],
  [`${core}/secrets`, "secret"],
  [`${core}/services`, "web"],
  [`${core}/pods`, "gated"],
  [`${core}/serviceaccounts`, "default"],
  [`/apis/apps/v1/namespaces/${ns}/deployments`, "web"],
  [`/apis/batch/v1/namespaces/${ns}/jobs`, "job"],
  [`/apis/rbac.authorization.k8s.io/v1/namespaces/${ns}/roles`, "role"],
] as const;

beforeAll(async () => {
  const container = { name: "c", image: webImage };
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [container] } };
  const items = [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "map" }, data: { a: "b" } },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "secret" }, stringData: { a: "b" } },
    { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: { ports: [{ port: 80 }] } },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "gated" },
      spec: { schedulingGates: [{ name: "example.com/never" }], containers: [container] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas: 0, selector: { matchLabels: { app: "web" } }, template },
    },
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "job" },
      spec: { suspend: true, template: { spec: { restartPolicy: "Never", containers: [container] } } },
    },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "role" }, rules: [] },
  ];
  await kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "apply", "-n", ns, "-f", "-");
});

test(
  `${count} random requests: no server error, no crash, no growth (seed ${seed})`,
  async () => {
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
      headers: Readonly<Record<string, string>> = {},
      body: string | Buffer = "",
    ): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          new URL(config.server),
          // Said for every method: Node frames the bodies of some not at all.
          {
            agent,
            method,
            path,
            headers: {
              ...headers,
              ...(body.length > 0 ? { "content-length": Buffer.byteLength(body) } : {}),
            },
            timeout: 10_000,
          },
          (response) => {
            let text = "";
            response.on("data", (d: Buffer) =>
              text.length < 4_000_000 ? (text += d.toString()) : undefined,
            );
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

    const next = seeded(seed);
    const pick = <T>(items: readonly T[]): T => pickWith(next, items);
    const { hostname, port } = new URL(config.server);
    const tls = { host: hostname, port: Number(port), ca: config.ca, cert: config.cert, key: config.key };
    /** Whatever comes back, the connection ends: by the server, or by us after a moment. */
    const upgrade = async (): Promise<void> => {
      const socket = connect(tls, () => socket.write(brokenUpgrade(next, `${core}/pods/gated`)));
      socket.on("error", () => socket.destroy()).resume();
      setTimeout(() => socket.destroy(), 300).unref();
      await once(socket, "close");
    };
    const bad: string[] = [];
    let sent = 0;
    const anywhere = (): FuzzRequest => {
      const path = `/${Array.from({ length: 1 + Math.floor(next() * 7) }, () => pick(paths)).join("/")}`;
      const query = next() < 0.5 ? `?${pick(queries)}` : "";
      const method = pick(methods);
      const headers = { "content-type": pick(types), accept: pick(accepts) };
      const body = method === "GET" || method === "HEAD" || method === "TRACE" ? "" : pick(bodies);
      return { method, path: encodeURI(`${path}${query}`).replace(/%25/g, "%"), headers, body };
    };
    const one = async (): Promise<void> => {
      if (next() < 0.005) return upgrade();
      const { method, path, headers, body } = next() < 0.6 ? almostRight(next, objects) : anywhere();
      try {
        const { status, text } = await send(method, path, headers, body);
        if (status >= 500 && status !== 501 && status !== 503 && status !== 504)
          bad.push(
            `${method} ${path} ${headers["content-type"]} ${body.toString().slice(0, 300)} → ${status} ${text.slice(0, 200)}`,
          );
      } catch (error) {
        bad.push(`${method} ${path} ${body.toString().slice(0, 300)} → ${(error as Error).message}`);
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
    agent.destroy();
  },
  Math.max(600_000, count * 20),
);
