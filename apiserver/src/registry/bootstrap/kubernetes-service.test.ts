import { expect, test } from "vitest";
import type { Logger } from "@coracle/shared/log.ts";
import { startInProcess, type InProcessApi } from "../../testing/in-process.ts";
import { raw } from "../../testing/raw.ts";
import { keepKubernetesService } from "./kubernetes-service.ts";

const endpoints = "/api/v1/namespaces/default/endpoints/kubernetes";
const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const log = { warn: (context: unknown) => expect.unreachable(JSON.stringify(context)) } as unknown as Logger;

/** Keeps the Service as one API server would, until `stop`. */
function start(api: InProcessApi, address: string) {
  const abort = new AbortController();
  const service = { registry: api.registry, clusterIP: "10.96.0.1", address, port: 6443, log };
  const done = keepKubernetesService(service, abort.signal);
  return {
    stop: async () => {
      abort.abort();
      await done;
    },
  };
}

const addresses = async (api: InProcessApi): Promise<unknown> =>
  (
    await raw<{ subsets?: { addresses: { ip: string }[] }[] }>(api, "GET", endpoints)
  ).body.subsets?.[0]?.addresses.map((a) => a.ip);

test("the endpoints of the API are its servers, without those that have stopped or been killed", async () => {
  await using api = await startInProcess();
  const dead = {
    metadata: { name: "apiserver-10-0-0-9", labels: { "coracle.io/apiserver-address": "10.0.0.9" } },
    spec: { holderIdentity: "10.0.0.9", leaseDurationSeconds: 15, renewTime: "2020-01-01T00:00:00.000000Z" },
  };
  await raw(api, "POST", leases, { body: dead });
  const first = start(api, "10.0.0.1");
  await expect.poll(() => addresses(api)).toEqual(["10.0.0.1"]);
  await expect.poll(async () => (await raw(api, "GET", `${leases}/apiserver-10-0-0-9`)).status).toBe(404);
  const second = start(api, "10.0.0.2");
  await expect.poll(() => addresses(api)).toEqual(["10.0.0.1", "10.0.0.2"]);
  const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
  const { body: slice } = await raw(api, "GET", slices);
  expect(slice["endpoints"]).toHaveLength(2);
  const { body: service } = await raw(api, "GET", "/api/v1/namespaces/default/services/kubernetes");
  expect(service["spec"]).toMatchObject({ clusterIP: "10.96.0.1", ports: [{ port: 443, targetPort: 6443 }] });
  await second.stop();
  expect(await addresses(api)).toEqual(["10.0.0.1"]);
  await first.stop();
  // The last one leaves its address for the time until it is back.
  expect(await addresses(api)).toEqual(["10.0.0.1"]);
  expect((await raw(api, "GET", `${leases}/apiserver-10-0-0-1`)).status).toBe(404);
});
