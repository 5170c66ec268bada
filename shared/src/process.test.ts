import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";

const library = fileURLToPath(new URL("process.ts", import.meta.url));
let dir: string;
let port: number;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "coracle-process-"));
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  ({ port } = probe.address() as AddressInfo);
  probe.close();
  await once(probe, "close");
});
afterEach(() => rm(dir, { recursive: true }));

/** Runs a process whose main is this text. */
async function start(main: string) {
  const file = join(dir, "main.mts");
  await writeFile(
    file,
    `import { runProcess } from ${JSON.stringify(library)};\nrunProcess("test", ${main}, { graceMs: 500 });`,
  );
  const env = { ...process.env, CORACLE_HEALTH_PORT: String(port) };
  const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "inherit"] });
  let log = "";
  child.stdout.on("data", (data: Buffer) => {
    log += data.toString();
  });
  const exited = once(child, "exit").then(([code]) => ({ code: code as number, log }));
  const health = async (): Promise<string> => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`);
      return `${response.status} ${await response.text()}`;
    } catch {
      return "down";
    }
  };
  return { child, exited, health };
}

it("is unhealthy until its checks say otherwise, and stops cleanly", async () => {
  const run = await start(`async ({ health, signal }) => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    let missing = "not yet";
    health.add("work", () => missing);
    setTimeout(() => { missing = undefined; }, 300);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }`);
  const seen = new Set<string>();
  await expect
    .poll(
      async () => {
        const now = await run.health();
        seen.add(now);
        return now;
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBe("200 ok");
  expect([...seen]).toEqual(expect.arrayContaining(["503 starting", "503 work: not yet"]));
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toMatch(/process_resident_memory_bytes \d+/);
  expect(metrics).toMatch(/# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total [\d.]+/);
  run.child.kill("SIGTERM");
  expect((await run.exited).code).toBe(0);
}, 20_000);

it.each([
  ["what main throws", `async () => { throw new Error("broken"); }`],
  [
    "an unhandled rejection",
    `async () => { void Promise.reject(new Error("broken")); await new Promise(() => undefined); }`,
  ],
])(
  "ends with a log line and code 1 on %s",
  async (_, main) => {
    const { code, log } = await (await start(main)).exited;
    expect(code).toBe(1);
    expect(log).toContain("broken");
  },
  20_000,
);

it("ends with code 1 when it does not stop in time, and 0 when the stop broke a wait off", async () => {
  const stuck = await start(
    `async ({ health }) => { health.add("x", () => undefined); await new Promise(() => setInterval(() => undefined, 1000)); }`,
  );
  await expect.poll(stuck.health, { timeout: 10_000 }).toBe("200 ok");
  stuck.child.kill("SIGTERM");
  expect((await stuck.exited).code).toBe(1);
  const waiting = await start(`async ({ health, signal }) => {
    health.add("x", () => undefined);
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }`);
  await expect.poll(waiting.health, { timeout: 10_000 }).toBe("200 ok");
  waiting.child.kill("SIGTERM");
  expect((await waiting.exited).code).toBe(0);
}, 30_000);
