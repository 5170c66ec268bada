import { expect, it } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";

const rbac = "/apis/rbac.authorization.k8s.io/v1";

it("serves nothing of cluster scope by way of a namespace", async () => {
  await using api = await startInProcess();
  const name = "system-reader";
  await raw(api, "POST", "/api/v1/namespaces", { body: { metadata: { name: "team" } } });
  await raw(api, "POST", `${rbac}/clusterroles`, { body: { metadata: { name }, rules: [] } });
  const roles = `${rbac}/namespaces/team/clusterroles`;
  for (const [method, path] of [
    ["GET", roles],
    ["GET", `${roles}/${name}`],
    ["DELETE", `${roles}/${name}`],
    ["DELETE", roles],
    ["POST", "/api/v1/namespaces/team/nodes"],
    ["POST", "/apis/authorization.k8s.io/v1/namespaces/team/subjectaccessreviews"],
  ] as const) {
    const body = method === "POST" ? { metadata: { name: "n" } } : undefined;
    expect((await raw(api, method, path, body ? { body } : {})).status, `${method} ${path}`).toBe(404);
  }
  expect((await raw(api, "GET", `${rbac}/clusterroles/${name}`)).status).toBe(200);
  expect((await raw(api, "GET", "/api/v1/namespaces/team")).status).toBe(200);
  expect((await raw(api, "GET", "/api/v1/namespaces/team/status")).status).toBe(200);
});
