import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { startInProcess } from "../../testing/in-process.ts";
import { raw } from "../../testing/raw.ts";
import { bootstrapCluster } from "./bootstrap.ts";

test("a server that starts with newer credentials hands these on", async () => {
  const pki = await mkdtemp(join(tmpdir(), "coracle-pki-"));
  onTestFinished(() => rm(pki, { recursive: true }));
  await mkdir(join(pki, "addons"));
  await writeFile(join(pki, "ca.crt"), "authority");
  await using api = await startInProcess();
  const { registry } = api;
  const start = async (creds: string): Promise<unknown> => {
    await writeFile(join(pki, "addons", "kube-proxy.creds"), creds);
    await bootstrapCluster({ registry, pki, serviceCIDR: "10.96.0.0/16", log: pino({ level: "silent" }) });
    const { body } = await raw(api, "GET", "/api/v1/namespaces/kube-system/secrets/kube-proxy-bus");
    return { version: body.metadata.resourceVersion, data: body["data"] };
  };
  const data = (creds: string) => ({
    "ca.crt": Buffer.from("authority").toString("base64"),
    "nats.creds": Buffer.from(creds).toString("base64"),
  });
  const first = await start("old");
  expect(first).toMatchObject({ data: data("old") });
  expect(await start("old")).toEqual(first);
  expect(await start("new")).toMatchObject({ data: data("new") });
});
