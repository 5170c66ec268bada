import { ApiError, notFound } from "@coracle/shared/errors.ts";
import { expect, it } from "vitest";
import { createAudit } from "../audit/audit.ts";
import { parseAuditPolicy } from "../audit/policy.ts";
import { impersonate } from "../authn/impersonate.ts";
import { requestOf, startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";
import type { ServeUpgrade } from "./pipeline.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const policy = parseAuditPolicy(`
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: [nobody-cares]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}]}
- {level: Metadata}
`);

/** A server whose records are kept: ann may do everything, others nothing. */
async function start() {
  const events: Record<string, unknown>[] = [];
  const sink = (line: string): void => void events.push(JSON.parse(line) as Record<string, unknown>);
  const api = await startInProcess({
    audit: createAudit({ policy, sink, now: () => new Date() }),
    authenticate: (request) => {
      const username = request.headers["x-user"];
      if (!username) throw new ApiError(401, "Unauthorized", "Unauthorized");
      return { username, groups: [] };
    },
    authorize: ({ username }) => ({
      allowed: username === "ann",
      reason: username === "ann" ? "because" : "",
    }),
    impersonate,
  });
  const record = async (work: () => Promise<unknown>) => {
    events.splice(0);
    await work();
    return events;
  };
  const send = (method: string, path: string, headers: object, body?: unknown) =>
    record(() => raw(api, method, path, { body, headers: { ...headers } }));
  return { ...api, record, send };
}

it("records what was asked and answered, in whatever form the body came, under the name of what was made", async () => {
  await using api = await start();
  const yaml = { "x-user": "ann", "content-type": "application/yaml" };
  const [event] = await api.send("POST", maps, yaml, "metadata: {name: a}\ndata: {k: v}\n");
  expect(event).toMatchObject({
    verb: "create",
    user: { username: "ann" },
    objectRef: { resource: "configmaps", namespace: "default", name: "a" },
    requestObject: { data: { k: "v" } },
    responseObject: { kind: "ConfigMap", metadata: { name: "a" } },
    responseStatus: { code: 201 },
    annotations: { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "because" },
  });
  const patch = { "x-user": "ann", "content-type": "application/merge-patch+json" };
  expect(await api.send("PATCH", `${maps}/a`, patch, { data: { k: "w" } })).toMatchObject([
    { verb: "patch", requestObject: { data: { k: "w" } } },
  ]);
  expect(await api.send("POST", maps, { "x-user": "ann" }, "{")).toMatchObject([
    { responseStatus: { code: 400, reason: "BadRequest" } },
  ]);
});

it("records who is refused: without a name, without leave, and without leave to be somebody else", async () => {
  await using api = await start();
  expect(await api.send("GET", maps, {})).toMatchObject([
    { user: { username: "" }, responseStatus: { code: 401 } },
  ]);
  expect(await api.send("GET", maps, { "x-user": "eve" })).toMatchObject([
    {
      user: { username: "eve" },
      responseStatus: { code: 403 },
      annotations: { "authorization.k8s.io/decision": "forbid" },
    },
  ]);
  const [denied] = await api.send("GET", maps, { "x-user": "eve", "impersonate-user": "ann" });
  expect(denied).toMatchObject({ user: { username: "eve" }, responseStatus: { code: 403 } });
  expect(denied).not.toHaveProperty("impersonatedUser");
});

it("is asked for by the user who sends, whoever the request is made as", async () => {
  await using api = await start();
  const as = { "x-user": "ann", "impersonate-user": "nobody-cares" };
  expect(await api.send("GET", maps, as)).toMatchObject([
    { user: { username: "ann" }, impersonatedUser: { username: "nobody-cares" } },
  ]);
  expect(await api.send("GET", maps, { "x-user": "nobody-cares" })).toEqual([]);
});

it("records connections that leave HTTP too: when they begin and end, and those that are refused", async () => {
  await using api = await start();
  const path = "/api/v1/namespaces/default/pods/web/exec?command=ls";
  const enter = async (user: string, serve: ServeUpgrade) => {
    const request = requestOf({ method: "POST", path, headers: { "x-user": user } });
    return api.record(() => api.enter(request, serve).catch((error: unknown) => error));
  };
  const of = { objectRef: { resource: "pods", subresource: "exec", name: "web" } };
  const served = await enter("ann", (_call, started) => {
    started();
    return Promise.resolve(101);
  });
  expect(served).toMatchObject([
    { ...of, stage: "ResponseStarted", responseStatus: { code: 101 } },
    { ...of, stage: "ResponseComplete", responseStatus: { code: 101 } },
  ]);
  const nobody = () => Promise.reject(notFound({ group: "", resource: "pods" }, "web"));
  expect(await enter("ann", nobody)).toMatchObject([
    { ...of, stage: "ResponseComplete", responseStatus: { code: 404, reason: "NotFound" } },
  ]);
  expect(await enter("eve", nobody)).toMatchObject([{ ...of, responseStatus: { code: 403 } }]);
  expect(await enter("", nobody)).toMatchObject([{ ...of, responseStatus: { code: 401 } }]);
});
