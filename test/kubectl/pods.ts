import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { busybox, toolPod } from "../support/manifests.ts";
import { eventually, get } from "../support/run.ts";
import type { Table } from "./table.ts";

/** What reaches into containers. */
export function intoPods(table: Table): void {
  const { k, kWith } = table.cli;
  const { cli, ns, minor, folder } = table;
  test("run a pod to its end and see what it said", async () => {
    expect(
      await k(
        "run",
        "once",
        `--image=${busybox}`,
        "--restart=Never",
        "--rm",
        "--attach",
        "--quiet",
        "--",
        "sh",
        "-c",
        "sleep 1; echo said",
      ),
    ).toContain("said");
  });
  test("cp both ways", async () => {
    await writeFile(join(folder(), "there.txt"), "and back\n");
    await k("cp", join(folder(), "there.txt"), "tool:/tmp/there.txt");
    await k("cp", "tool:/tmp/there.txt", join(folder(), "back.txt"));
    expect(await readFile(join(folder(), "back.txt"), "utf8")).toBe("and back\n");
  });
  test.skipIf(minor < 23)("debug adds an ephemeral container", async () => {
    await k("debug", "tool", `--image=${busybox}`, "--container=dbg", "--", "sleep", "60");
    await eventually(
      "it runs",
      async () =>
        (await k(
          "get",
          "pod",
          "tool",
          "-o",
          "jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}",
        )) !== "",
    );
    expect(await k("exec", "tool", "-c", "dbg", "--", "echo", "inside")).toBe("inside\n");
  });
  test("attach shows what a container says from now on", async () => {
    await kWith(toolPod("talker").replace("do sleep 1", "do sleep 1; echo tick"), "apply", "-f", "-");
    await k("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s");
    await using attached = cli.background("attach", "talker");
    await eventually("it ticks", async () => attached.output().includes("tick"));
  });
  test("proxy serves the API on the host, and a Service through it", async () => {
    await using proxy = cli.background("proxy", "--port=0");
    const address = await eventually("it listens", async () => /127\.0\.0\.1:\d+/.exec(proxy.output())?.[0]);
    expect(await get(`http://${address}/version`)).toContain('"minor"');
    expect(await get(`http://${address}/api/v1/namespaces/${ns}/services/web:http/proxy/`)).toContain(
      "nginx",
    );
  });
}
