import { describe, expect, it } from "vitest";
import { startInProcess } from "../../testing/in-process.ts";
import { raw } from "../../testing/raw.ts";
import type { Authorize } from "../registry.ts";

const authorization = "/apis/authorization.k8s.io/v1";
const authentication = "/apis/authentication.k8s.io/v1";
const jane = { username: "jane", groups: ["dev"] };
/** Jane may read pods, everybody may ask. */
const authorize: Authorize = (user, info) => ({
  allowed:
    info.verb === "create" || (user.username === "jane" && info.resource === "pods" && info.verb === "get"),
  reason: "",
});

describe("reviews", () => {
  it("say what somebody may do, without being stored", async () => {
    await using api = await startInProcess({ authorize });
    const before = await api.registry.store.revision();
    const ask = (verb: string) =>
      raw(api, "POST", `${authorization}/selfsubjectaccessreviews`, {
        user: jane,
        body: { spec: { resourceAttributes: { verb, resource: "pods", namespace: "default" } } },
      });
    expect((await ask("get")).body["status"]).toEqual({ allowed: true });
    expect((await ask("delete")).body["status"]).toEqual({ allowed: false });
    const other = await raw(api, "POST", `${authorization}/subjectaccessreviews`, {
      user: { username: "root", groups: [] },
      body: { spec: { user: "jane", resourceAttributes: { verb: "get", resource: "pods" } } },
    });
    expect(other).toMatchObject({ status: 201, body: { status: { allowed: true } } });
    const empty = await raw(api, "POST", `${authorization}/subjectaccessreviews`, {
      user: jane,
      body: { spec: {} },
    });
    expect(empty.body).toMatchObject({ code: 422, reason: "Invalid" });
    expect(await api.registry.store.revision()).toBe(before);
  });

  it("have no columns: a Table alone is refused, another form beside it is taken", async () => {
    await using api = await startInProcess({ authorize });
    const ask = (accept: string) =>
      raw(api, "POST", `${authorization}/selfsubjectaccessreviews`, {
        user: jane,
        headers: { accept },
        body: { spec: { resourceAttributes: { verb: "get", resource: "pods" } } },
      });
    const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    expect(await ask(table)).toMatchObject({ status: 406, body: { reason: "NotAcceptable" } });
    expect(await ask(`${table},application/json`)).toMatchObject({ status: 201 });
  });

  it("say who asks, and whose a token is", async () => {
    const identity = {
      issueToken: () => Promise.reject(new Error("not here")),
      reviewToken: (token: string) =>
        Promise.resolve(token === "good" ? { user: jane, audiences: ["api"] } : undefined),
      reviewRules: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
    };
    await using api = await startInProcess({ identity });
    const self = await raw(api, "POST", `${authentication}/selfsubjectreviews`, { user: jane, body: {} });
    expect(self.body["status"]).toEqual({ userInfo: { username: "jane", groups: ["dev"] } });
    const review = (token: string) =>
      raw(api, "POST", `${authentication}/tokenreviews`, { body: { spec: { token } } });
    expect((await review("good")).body["status"]).toMatchObject({
      authenticated: true,
      user: { username: "jane", groups: ["dev", "system:authenticated"] },
    });
    expect((await review("bad")).body["status"]).not.toHaveProperty("authenticated");
    expect((await review("")).body).toMatchObject({ code: 422 });
  });

  it("can only be created", async () => {
    await using api = await startInProcess();
    expect((await raw(api, "GET", `${authorization}/subjectaccessreviews`)).body).toMatchObject({
      code: 405,
    });
  });
});

describe("kinds made on request", () => {
  it("list the parts of the control plane", async () => {
    const components = [
      { name: "etcd-0", check: () => undefined },
      { name: "scheduler", check: () => "gone" },
    ];
    await using api = await startInProcess({ components });
    const { body, headers } = await raw<{ items: { conditions: { status: string }[] }[] }>(
      api,
      "GET",
      "/api/v1/componentstatuses",
    );
    expect(body.items.map((i) => i.conditions[0]?.status)).toEqual(["True", "False"]);
    expect(headers["warning"]).toContain("ComponentStatus is deprecated");
  });
});
