import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { kubeconfig as readKubeconfig } from "@coracle/shared/client/https.ts";
import { expect, test } from "vitest";
import { useNamespace } from "./support/namespace.ts";
import { Raw, type Answer } from "./support/raw.ts";
import { docker, eventually, kubeconfig, kubectl, must, root } from "./support/run.ts";

const ns = useNamespace("protection");
const project = process.env["CORACLE_CLUSTER"] ?? "coracle";
const api = new Raw();
const flow = "/apis/flowcontrol.apiserver.k8s.io/v1";
const maps = `/api/v1/namespaces/${ns}/configmaps`;
const metric = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\S+)`, "m").exec((await api.ask("GET", "/metrics")).text)?.[1]);

/** Redis, asked as the API server would. */
async function redis(...args: string[]): Promise<string> {
  const password = await docker("exec", `${project}-apiserver-1`, "cat", "/pki/redis.password");
  const login = ["--user", "apiserver", "--pass", password.trim(), "--no-auth-warning"];
  return docker("exec", `${project}-redis-1`, "redis-cli", "-s", "/tmp/redis.sock", ...login, ...args);
}

test("a key of Secrets is rotated while they are used, and nothing is left that needs the old one", async () => {
  await kubectl("create", "secret", "generic", "kept", "-n", ns, "--from-literal=password=hunter2");
  const stored = (): Promise<string> => redis("getrange", `o:secrets/${ns}/kept`, "0", "200");
  const keyOf = (text: string): string => /k8s:enc:aesgcm:v1:(\w+):/.exec(text)?.[1] ?? "none";
  const before = keyOf(await stored());
  expect(before).toMatch(/^key\d+$/);

  await must(`${root}coracle`, ["rotate-key"], { timeoutMs: 240_000 });

  const after = keyOf(await stored());
  expect(after).not.toBe(before);
  const all = (await redis("--scan", "--pattern", "o:secrets/*")).trim().split("\n");
  expect(all.length).toBeGreaterThan(3);
  for (const name of all) expect(keyOf(await redis("getrange", name, "0", "200"))).toBe(after);
  expect(await stored()).not.toContain("hunter2");
  const config = await docker("exec", `${project}-apiserver-1`, "cat", "/pki/encryption.yaml");
  expect(config).toContain(after);
  expect(config).not.toContain(`name: ${before}\n`);
  expect(await kubectl("get", "secret", "kept", "-n", ns, "-o", "jsonpath={.data.password}")).toBe(
    Buffer.from("hunter2").toString("base64"),
  );
});

test("what is too large, too deep or too long is refused", async () => {
  const post = (path: string, body: string): Promise<Answer> => api.ask("POST", path, { body });
  expect((await post(maps, JSON.stringify({ data: { a: "x".repeat(3 << 20) } }))).json()).toMatchObject({
    reason: "RequestEntityTooLarge",
    code: 413,
  });
  const pod = {
    metadata: { name: "big" },
    spec: { containers: [{ name: "a", image: "b", args: ["x".repeat(1_600_000)] }] },
  };
  expect((await post(`/api/v1/namespaces/${ns}/pods`, JSON.stringify(pod))).status).toBe(413);
  const map = { metadata: { name: "big" }, data: { a: "x".repeat(1_100_000) } };
  expect((await post(maps, JSON.stringify(map))).json().message).toContain("Too long");
  const deep = `{"metadata":{"name":"deep","managedFields":[{"fieldsV1":${'{"f:a":'.repeat(20_000)}{}${"}".repeat(20_000)}}]}}`;
  expect((await post(maps, deep)).status).toBe(400);
  expect((await api.ask("GET", `${maps}?labelSelector=${"a".repeat(60_000)}`)).status).toBe(400);
});

test("a request tells the FlowSchema and the priority level that it falls under", async () => {
  const uidOf = async (path: string): Promise<string | undefined> =>
    (await api.ask("GET", `${flow}/${path}`)).json().metadata.uid;
  const headersOf = ({ headers }: Answer) => ({
    schema: headers["x-kubernetes-pf-flowschema-uid"],
    level: headers["x-kubernetes-pf-prioritylevel-uid"],
  });
  const exempt = {
    schema: await uidOf("flowschemas/exempt"),
    level: await uidOf("prioritylevelconfigurations/exempt"),
  };
  expect(headersOf(await api.ask("GET", maps))).toEqual(exempt);

  const level = {
    metadata: { name: ns },
    spec: { type: "Limited", limited: { nominalConcurrencyShares: 1, limitResponse: { type: "Reject" } } },
  };
  const rules = [
    {
      subjects: [{ kind: "User", user: { name: "jane" } }],
      nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
    },
  ];
  const schema = {
    metadata: { name: ns },
    spec: { matchingPrecedence: 700, priorityLevelConfiguration: { name: ns }, rules },
  };
  const mine = {
    level: (await api.ask("POST", `${flow}/prioritylevelconfigurations`, { body: level })).json().metadata
      .uid,
    schema: (await api.ask("POST", `${flow}/flowschemas`, { body: schema })).json().metadata.uid,
  };
  const as = async (user: string) =>
    headersOf(await api.ask("GET", "/version", { headers: { "impersonate-user": user } }));
  await expect.poll(() => as("jane")).toEqual(mine);
  expect((await as("joe")).schema).toBe(await uidOf("flowschemas/global-default"));
  // Those who are refused are told too.
  const refused = await api.ask("GET", "/metrics", { headers: { "impersonate-user": "jane" } });
  expect([refused.status, headersOf(refused)]).toEqual([403, mine]);
  await kubectl("delete", "flowschema,prioritylevelconfiguration", ns);
});

test("one client's crowd of requests is told to wait, and others are served meanwhile", async () => {
  await kubectl(
    "create",
    "rolebinding",
    "crowd",
    "-n",
    ns,
    "--clusterrole=view",
    `--serviceaccount=${ns}:default`,
  );
  const name = `${ns}-crowd`;
  // About three of the server's seats, and room for twenty to wait.
  const queuing = { queues: 8, handSize: 1, queueLengthLimit: 20 };
  await api.ask("POST", `${flow}/prioritylevelconfigurations`, {
    body: {
      metadata: { name },
      spec: {
        type: "Limited",
        limited: {
          nominalConcurrencyShares: 1,
          borrowingLimitPercent: 0,
          limitResponse: { type: "Queue", queuing },
        },
      },
    },
  });
  const serviceAccount = { name: "default", namespace: ns };
  await api.ask("POST", `${flow}/flowschemas`, {
    body: {
      metadata: { name },
      spec: {
        priorityLevelConfiguration: { name },
        matchingPrecedence: 600,
        distinguisherMethod: { type: "ByUser" },
        rules: [
          {
            subjects: [{ kind: "ServiceAccount", serviceAccount }],
            resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }],
          },
        ],
      },
    },
  });
  const token = (await kubectl("create", "token", "default", "-n", ns)).trim();
  const { server, ca } = await readKubeconfig(kubeconfig);
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 400 });
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (path: string): Promise<IncomingMessage> => {
    const sent = request(new URL(path, server), { agent, headers });
    sent.end();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    return answer.resume();
  };
  const crowd = (path: string): Promise<IncomingMessage[]> =>
    Promise.all(Array.from({ length: 400 }, () => ask(path)));
  // The connections first, so that the requests come together.
  await crowd("/version");
  const refused = await eventually("some of the crowd are refused", async () => {
    const [answers, other] = await Promise.all([crowd(maps), api.ask("GET", maps)]);
    expect(other.status).toBe(200);
    const codes = answers.map(({ statusCode }) => statusCode);
    expect(codes.filter((code) => code === 200).length).toBeGreaterThan(22);
    expect(codes.every((code) => code === 200 || code === 429)).toBe(true);
    return answers.find(({ statusCode }) => statusCode === 429);
  });
  expect(refused.headers["retry-after"]).toBe("1");
  const shown = (await api.ask("GET", "/metrics")).text;
  expect(shown).toContain(`apiserver_flowcontrol_nominal_limit_seats{priority_level="${name}"} 3`);
  expect(shown).toMatch(
    new RegExp(`rejected_requests_total\\{priority_level="${name}",reason="queue-full"\\} [1-9]`),
  );
  expect(shown).toMatch(
    /^apiserver_request_total\{verb="LIST",.*resource="configmaps",.*code="429"\} [1-9]/m,
  );
  expect(shown).toMatch(/^apiserver_storage_objects\{resource="configmaps"\} [1-9]/m);
  expect(shown).toMatch(/^apiserver_current_inflight_requests\{request_kind="readOnly"\} [1-9]/m);
  agent.destroy();
  await kubectl("delete", "flowschema,prioritylevelconfiguration", name);
});

test("watchers that never read are cut off", async () => {
  const { server, ca, cert, key } = await readKubeconfig(kubeconfig);
  const open = await metric("apiserver_registered_watchers");
  const deaf = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const sent = request(new URL(`${maps}?watch=1`, server), { ca, cert, key, agent: false });
      sent.on("error", () => undefined).end();
      const [answer] = (await once(sent, "response")) as [IncomingMessage];
      answer.pause().on("error", () => undefined);
      answer.socket.pause();
      return answer;
    }),
  );
  expect(await metric("apiserver_registered_watchers")).toBeGreaterThanOrEqual(open + 20);
  // More than the server keeps of the past, 96 MiB, and than sockets hold on the way.
  const change = (i: number): Promise<Answer> =>
    api.ask("PUT", `${maps}/noise`, {
      body: { metadata: { name: "noise" }, data: { a: `${i}${"x".repeat(900_000)}` } },
    });
  await api.ask("POST", maps, { body: { metadata: { name: "noise" } } });
  for (let i = 0; i < 200; i += 4) {
    const answers = await Promise.all([0, 1, 2, 3].map((more) => change(i + more)));
    for (const { status } of answers) expect(status).toBe(200);
  }
  await eventually("they are gone", async () => (await metric("apiserver_registered_watchers")) < open + 10);
  for (const answer of deaf) answer.destroy();
});
