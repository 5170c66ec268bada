import { expect, test } from "vitest";
import { ipAddresses, serviceCIDRs } from "@coracle/shared/api/resources.ts";
import { isNotFound } from "@coracle/shared/errors.ts";
import { startHarness, type Harness } from "../testing/harness.ts";
import { serviceCidrController } from "./service-cidr.ts";

const make = (h: Harness, name: string, cidr: string) =>
  h.client.create(serviceCIDRs, { metadata: { name }, spec: { cidrs: [cidr] } });
const ready = async (h: Harness, name: string) =>
  (await h.client.get(serviceCIDRs, { name })).status?.conditions?.find((c) => c.type === "Ready");
const isGone = (h: Harness, name: string): Promise<boolean> =>
  h.client.get(serviceCIDRs, { name }).then(() => false, isNotFound);
const address = (h: Harness, name: string) =>
  h.client.create(ipAddresses, {
    metadata: { name },
    spec: { parentRef: { resource: "services", namespace: "default", name: "web" } },
  });

test("a range is ready, and once deleted stays until its addresses are gone or another range has them", async () => {
  await using h = await startHarness({ controllers: [serviceCidrController(0)] });
  await make(h, "extra", "10.200.0.0/24");
  await h.eventually("it is ready", async () => (await ready(h, "extra"))?.status === "True");
  await address(h, "10.200.0.7");
  await h.client.delete(serviceCIDRs, { name: "extra" });
  await h.eventually("it says why it stays", async () => {
    const condition = await ready(h, "extra");
    return condition?.status === "False" && condition.reason === "Terminating";
  });
  await make(h, "wider", "10.200.0.0/16");
  await h.eventually("the other range has the address", () => isGone(h, "extra"));

  await h.eventually("it is ready", async () => (await ready(h, "wider"))?.status === "True");
  await h.client.delete(serviceCIDRs, { name: "wider" });
  await h.eventually("it is held", async () => (await ready(h, "wider"))?.status === "False");
  expect((await h.client.get(serviceCIDRs, { name: "wider" })).metadata.finalizers).toHaveLength(1);
  await h.client.delete(ipAddresses, { name: "10.200.0.7" });
  await h.eventually("nothing needs it", () => isGone(h, "wider"));
});
