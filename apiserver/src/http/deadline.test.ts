import { expect, it } from "vitest";
import { startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "slow" } };
const slow = () =>
  startInProcess({
    admit: () => new Promise<void>((resolve) => setTimeout(resolve, 200)),
  });

it("answers 504 when a request is not done within the time its client allots", async () => {
  await using api = await slow();
  const { status, body: answer } = await raw(api, "POST", `${maps}?timeout=20ms`, { body });
  expect(status).toBe(504);
  expect(answer).toMatchObject({
    reason: "Timeout",
    message: "Timeout: request did not complete within the allotted timeout",
    details: {},
  });
});

it("lets a watch, and who allots nothing or enough, have its time", async () => {
  await using api = await slow();
  for (const query of ["", "?timeout=0s", "?timeout=5s", "?timeout=2h"]) {
    const named = { ...body, metadata: { generateName: "slow-" } };
    expect((await raw(api, "POST", `${maps}${query}`, { body: named })).status).toBe(201);
  }
  const path = `${maps}?watch=true&timeout=1ns&timeoutSeconds=1`;
  expect((await raw(api, "GET", path)).status).toBe(200);
});

it("reads no time in a request that lasts, which may be another server's parameter", async () => {
  await using api = await startInProcess();
  const path = "/api/v1/namespaces/default/services/web/proxy/slow?timeout=500";
  expect((await raw(api, "GET", path)).status).toBe(404);
});

it("refuses a time it cannot read", async () => {
  await using api = await startInProcess();
  const { status, body: answer } = await raw(api, "GET", `${maps}?timeout=abc`);
  expect(status).toBe(400);
  expect(answer.message).toBe('invalid timeout specified in the request URL - time: invalid duration "abc"');
});
