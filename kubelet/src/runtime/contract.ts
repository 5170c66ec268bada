/** What every runtime must do: one suite, run against the real engine and the one in memory. */
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import {
  isGone,
  isNameTaken,
  type ContainerSpec,
  type Runtime,
  type RuntimeSignal,
  type SandboxSpec,
} from "./runtime.ts";

export interface ContractOptions {
  readonly sandboxImage: string;
  readonly image: string;
  /** Writes this line and goes on until SIGTERM. */
  readonly talker: { readonly command: readonly string[]; readonly line: string };
}

export function runtimeContract(name: string, make: () => Runtime, options: ContractOptions): void {
  describe(name, () => {
    const runtime = make();
    const labels = { "io.coracle.contract": randomUUID() };
    const label = () => ({ ...labels });
    afterEach(async () => {
      for (const { id } of await runtime.list(labels)) await runtime.remove(id);
      for (const { name: volume } of await runtime.listVolumes(labels)) await runtime.removeVolume(volume);
    });

    const sandboxSpec = (extra: Partial<SandboxSpec> = {}): SandboxSpec => ({
      name: `contract_${randomUUID()}`,
      labels: label(),
      image: options.sandboxImage,
      hostname: "contract",
      network: { kind: "own" },
      hostIpc: false,
      hostPid: false,
      sysctls: {},
      volumes: [],
      ...extra,
    });
    const containerSpec = (sandbox: string, extra: Partial<ContainerSpec> = {}): ContainerSpec => ({
      name: `contract_${randomUUID()}`,
      labels: label(),
      image: options.image,
      sandbox,
      hostIpc: false,
      pid: "own",
      command: options.talker.command,
      env: [],
      mounts: [],
      resources: {},
      oomScoreAdj: 1000,
      security: {
        groups: [],
        capAdd: [],
        capDrop: [],
        privileged: false,
        readOnlyRoot: false,
        noNewPrivileges: false,
        unmaskedProc: false,
      },
      tty: false,
      stdin: false,
      stdinOnce: false,
      logs: { maxBytes: 1_000_000, maxFiles: 2 },
      ...extra,
    });
    const started = async (): Promise<{ sandbox: string; container: string }> => {
      const sandbox = await runtime.createSandbox(sandboxSpec());
      await runtime.start(sandbox);
      const container = await runtime.createContainer(containerSpec(sandbox));
      await runtime.start(container);
      return { sandbox, container };
    };
    const read = async (stream: AsyncIterable<{ readonly data: Buffer }>): Promise<string> => {
      let text = "";
      for await (const { data } of stream) text += data.toString();
      return text;
    };
    const state = async (id: string) => (await runtime.inspect(id))?.state;

    test("a container goes from created to running to exited, and tells when", async () => {
      const sandbox = await runtime.createSandbox(sandboxSpec());
      expect(await state(sandbox)).toBe("created");
      await runtime.start(sandbox);
      const id = await runtime.createContainer(containerSpec(sandbox));
      await runtime.start(id);
      const running = await runtime.inspect(id);
      expect(running).toMatchObject({ state: "running", image: options.image, labels });
      expect(running?.pid).toBeGreaterThan(0);
      await runtime.signal(id, "SIGKILL");
      await expect.poll(() => state(id)).toBe("exited");
      const ended = await runtime.inspect(id);
      expect(ended?.exitCode).toBe(137);
      expect(ended?.finishedAt).toBeGreaterThanOrEqual(ended?.startedAt ?? Infinity);
    });

    test("a container may be made before its sandbox runs, but not started", async () => {
      const sandbox = await runtime.createSandbox(sandboxSpec());
      const id = await runtime.createContainer(containerSpec(sandbox));
      await expect(runtime.start(id)).rejects.toThrow(/non running|not running/i);
    });

    test("a name is given once", async () => {
      const spec = sandboxSpec();
      await runtime.createSandbox(spec);
      await expect(runtime.createSandbox(spec)).rejects.toSatisfy(isNameTaken);
    });

    test("an unknown image is said to be missing", async () => {
      await expect(runtime.createSandbox(sandboxSpec({ image: "coracle.invalid/none:1" }))).rejects.toSatisfy(
        isGone,
      );
      expect(await runtime.image("coracle.invalid/none:1")).toBeUndefined();
      expect((await runtime.image(options.image))?.id).toMatch(/^sha256:/);
    });

    test("what is gone is no error", async () => {
      expect(await runtime.inspect("nothing")).toBeUndefined();
      await runtime.signal("nothing", "SIGTERM");
      await runtime.remove("nothing");
      await runtime.removeVolume("nothing");
      expect(await runtime.stats("nothing")).toBeUndefined();
    });

    test("events tell of a container's life, for the labels asked for only", async () => {
      const heard: RuntimeSignal[] = [];
      const stop = new AbortController();
      runtime.follow(labels, (signal) => void heard.push(signal), stop.signal);
      await expect.poll(() => heard.some((s) => s.kind === "connected")).toBe(true);
      const stranger = await runtime.createSandbox(
        sandboxSpec({ labels: { ...labels, "io.coracle.contract": "other" } }),
      );
      const { container } = await started();
      await runtime.signal(container, "SIGTERM");
      await expect
        .poll(() => heard.some((s) => s.kind === "exit" && s.id === container), { timeout: 5_000 })
        .toBe(true);
      await runtime.remove(container);
      await expect
        .poll(() => heard.flatMap((s) => ("id" in s && s.id === container ? [s.kind] : [])))
        .toEqual(["create", "start", "exit", "remove"]);
      expect(heard.some((s) => "id" in s && s.id === stranger)).toBe(false);
      stop.abort();
      await runtime.remove(stranger);
    });

    test("volumes are made with their sandbox and outlive it, but not while in use", async () => {
      const volume = `contract_${randomUUID()}`;
      const sandbox = await runtime.createSandbox(
        sandboxSpec({ volumes: [{ name: volume, target: "/volumes/v", memory: {} }] }),
      );
      expect((await runtime.listVolumes(labels)).map((v) => v.name)).toEqual([volume]);
      await expect(runtime.removeVolume(volume)).rejects.toThrow(/in use/);
      await runtime.remove(sandbox);
      await runtime.removeVolume(volume);
      expect(await runtime.listVolumes(labels)).toEqual([]);
    });

    test("output is kept, and commands run beside the container", async () => {
      const { container } = await started();
      const { signal } = new AbortController();
      await expect
        .poll(async () => read(await runtime.logs(container, { follow: false, timestamps: false }, signal)))
        .toContain(options.talker.line);
      const session = await runtime.exec(
        container,
        { command: ["echo", "hello"], stdin: false, tty: false },
        signal,
      );
      expect(await read(session.output())).toBe("hello\n");
      expect(await session.exitCode()).toBe(0);
      expect(await runtime.stats(container)).toMatchObject({ pids: expect.any(Number) as number });
    });
  });
}
