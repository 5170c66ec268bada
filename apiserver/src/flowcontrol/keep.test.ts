import { afterEach, beforeEach, expect, it } from "vitest";
import { startInProcess, type InProcessApi } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";
import { ensureFlowControl, keepFlowControl } from "./keep.ts";

const schemas = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
const levels = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations";
let api: InProcessApi;
let stop: AbortController;
beforeEach(async () => {
  api = await startInProcess();
  stop = new AbortController();
  await ensureFlowControl(api.registry);
});
afterEach(async () => {
  stop.abort();
  await api.stop();
});

interface Configuration {
  metadata: { annotations: Record<string, string> };
  spec: { matchingPrecedence?: number; limited?: { nominalConcurrencyShares: number } };
}
const read = async (path: string) => (await raw<Configuration>(api, "GET", path)).body;
const patch = (path: string, body: object) =>
  raw(api, "PATCH", path, { headers: { "content-type": "application/merge-patch+json" }, body });
const follow = "apf.kubernetes.io/autoupdate-spec";

it("puts back what was taken away or changed", async () => {
  keepFlowControl(api.registry, undefined, stop.signal);
  await raw(api, "DELETE", `${schemas}/catch-all`);
  await raw(api, "DELETE", `${levels}/workload-low`);
  await patch(`${schemas}/service-accounts`, { spec: { matchingPrecedence: 17 } });
  await expect.poll(() => raw(api, "GET", `${schemas}/catch-all`)).toMatchObject({ status: 200 });
  await expect.poll(() => raw(api, "GET", `${levels}/workload-low`)).toMatchObject({ status: 200 });
  await expect
    .poll(async () => (await read(`${schemas}/service-accounts`)).spec.matchingPrecedence)
    .toBe(9000);
});

it("leaves a suggested object to who says so, or has changed one that says nothing", async () => {
  await patch(`${levels}/system`, {
    metadata: { annotations: { [follow]: "false" } },
    spec: { limited: { nominalConcurrencyShares: 3 } },
  });
  await patch(`${levels}/node-high`, {
    metadata: { annotations: { [follow]: null } },
    spec: { limited: { nominalConcurrencyShares: 4 } },
  });
  await ensureFlowControl(api.registry);
  expect((await read(`${levels}/system`)).spec.limited?.nominalConcurrencyShares).toBe(3);
  const own = await read(`${levels}/node-high`);
  expect(own.spec.limited?.nominalConcurrencyShares).toBe(4);
  expect(own.metadata.annotations[follow]).toBe("false");
});

it("lets nobody change what is mandatory", async () => {
  const changed = await patch(`${schemas}/exempt`, { spec: { matchingPrecedence: 5 } });
  expect(changed.status).toBe(422);
  expect(changed.body.message).toContain("spec of 'exempt' must equal the fixed value");
  const level = await patch(`${levels}/catch-all`, { spec: { limited: { nominalConcurrencyShares: 6 } } });
  expect(level.body.message).toContain("spec of 'catch-all' must equal the fixed value");
  expect((await patch(`${levels}/exempt`, { spec: { exempt: { lendablePercent: 7 } } })).status).toBe(200);
  await ensureFlowControl(api.registry);
  expect((await read(`${levels}/exempt`)).spec).toMatchObject({ exempt: { lendablePercent: 7 } });
});
