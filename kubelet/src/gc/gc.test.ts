import { mkdtemp, rm, writeFile, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@coracle/shared/log.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LABEL } from "../container/names.ts";
import type { ImageInfo, Runtime, RuntimeContainer } from "../runtime/runtime.ts";
import { testContainer } from "../stats/fixtures.ts";
import { createContainerCollector, deadInExcess } from "./containers.ts";
import { createImageCollector, type ImageCollectorOptions } from "./images.ts";
import { createImageAccess } from "../images/access.ts";
import type { RegistryAuth } from "../runtime/runtime.ts";
import { listedName, openPullRecord, withPullRecord, type PullRecord } from "./pull-record.ts";

const log = createLogger("test");
const never = new AbortController().signal;

const instance = (name: string, attempt: number, state: RuntimeContainer["state"]): RuntimeContainer => {
  const made = testContainer(`${name}-${attempt}`, "web", name, { state });
  return { ...made, labels: { ...made.labels, [LABEL.attempt]: String(attempt) } };
};

describe("ended containers", () => {
  it("are kept once per container, the newest", () => {
    const found = deadInExcess(
      [
        testContainer("s", "web", undefined, { state: "exited" }),
        instance("a", 0, "exited"),
        instance("a", 2, "exited"),
        instance("a", 1, "exited"),
        instance("a", 3, "running"),
        instance("b", 0, "exited"),
        instance("c", 0, "created"),
      ],
      1,
    );
    expect(found.map((c) => c.id)).toEqual(["a-1", "a-0"]);
  });
  it("are removed some time after another one has ended", async () => {
    const pod = new Map([instance("a", 0, "exited"), instance("a", 1, "running")].map((c) => [c.id, c]));
    let hear: (uid: string, container: RuntimeContainer | undefined, id: string) => void = () => undefined;
    const removed: string[] = [];
    const collector = createContainerCollector({
      runtime: {
        remove: (id) => {
          removed.push(id);
          pod.delete(id);
          return Promise.resolve();
        },
      },
      engine: {
        ofPod: () => pod.values(),
        pods: () => ["uid-web"].values(),
        onChange: (listener) => void (hear = listener),
        onRelist: () => undefined,
      },
      hasEnded: () => true,
      log,
      signal: never,
      delayMs: 1,
    });
    const ended = instance("a", 1, "exited");
    pod.set("a-1", ended);
    pod.set("a-2", instance("a", 2, "running"));
    hear("uid-web", ended, "a-1");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(removed).toEqual(["a-0"]);
    await collector.free();
    expect(removed).toEqual(["a-0", "a-1"]);
  });
});

describe("images", () => {
  let directory = "";
  let images: ImageInfo[] = [];
  let containers: RuntimeContainer[] = [];
  let record: PullRecord;
  let clock = 0;
  const image = (id: string, tag: string, sizeBytes = 100): ImageInfo => ({
    id,
    tags: [tag],
    digests: [],
    sizeBytes,
    user: "",
    createdAt: 0,
  });
  const runtime = {
    listImages: () => Promise.resolve(images),
    list: () => Promise.resolve(containers.map(({ id, state }) => ({ id, state }))),
    inspect: (id: string) => Promise.resolve(containers.find((c) => c.id === id)),
    image: (reference: string) => Promise.resolve(images.find((i) => i.tags.includes(listedName(reference)))),
    pull: (reference: string) => {
      if (!images.some((i) => i.tags.includes(listedName(reference))))
        images.push(image(`id-${reference}`, listedName(reference)));
      return Promise.resolve();
    },
    removeImage: (reference: string) => {
      images = images.filter((i) => !i.tags.includes(reference));
      return Promise.resolve();
    },
  } as unknown as Runtime;
  const collector = (more: Partial<ImageCollectorOptions> = {}) =>
    createImageCollector({
      runtime,
      record,
      lastUsed: () => undefined,
      wanted: () => [],
      disk: () => Promise.resolve(undefined),
      event: () => undefined,
      log,
      signal: never,
      now: () => clock,
      ...more,
    });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "gc-"));
    images = [image("host", "theirs:1")];
    containers = [];
    clock = 1_000_000;
    record = await openPullRecord(join(directory, "node-1/images.json"), log, () => clock);
  });
  afterEach(() => rm(directory, { recursive: true }));

  const pullAll = async (...references: string[]): Promise<void> => {
    const recording = withPullRecord(runtime, record, log);
    for (const reference of references) {
      await recording.pull(reference, undefined, never);
      clock += 1_000;
    }
  };

  it("that were there before are not ours, even when pulled again", async () => {
    await pullAll("theirs:1", "ours:1");
    clock += 600_000;
    await collector().freeAll();
    expect(images.map((i) => i.id)).toEqual(["host"]);
  });
  it("that we pulled are still known after a restart, and an unreadable record means none", async () => {
    await pullAll("ours:1");
    const file = join(directory, "node-1/images.json");
    expect((await openPullRecord(file, log, () => 0)).get("id-ours:1")?.references).toEqual(["ours:1"]);
    await writeFile(file, "{broken");
    expect((await openPullRecord(file, log, () => 0)).get("id-ours:1")).toBeUndefined();
  });
  it("are for whoever has the credentials they were pulled with, on every node of the engine", async () => {
    const recording = withPullRecord(runtime, record, log);
    const [mine, other] = [
      { username: "me", password: "a" },
      { username: "you", password: "b" },
    ];
    await recording.pull("r.example/private:1", mine, never);
    await recording.pull("r.example/public:1", undefined, never);
    const access = createImageAccess(directory, "images.json", log);
    const allows = (image: string, ...held: RegistryAuth[]): Promise<boolean> =>
      access.allows(`id-${image}`, image, () => Promise.resolve(held));
    expect(await allows("r.example/private:1", other, mine)).toBe(true);
    expect(await allows("r.example/private:1", other)).toBe(false);
    expect(await allows("r.example/private:1")).toBe(false);
    expect(await allows("r.example/public:1")).toBe(true);
    expect(await allows("theirs:1")).toBe(true);

    const second = await openPullRecord(join(directory, "node-2/images.json"), log, () => clock);
    await withPullRecord(runtime, second, log).pull("r.example/private:1", other, never);
    expect(await allows("r.example/private:1", other)).toBe(true);
    expect((await readFile(join(directory, "node-2/images.json"), "utf8")).includes("you")).toBe(false);
  });
  it("of others leave nothing in the record when they are gone", async () => {
    const file = join(directory, "node-1/images.json");
    await pullAll("theirs:1");
    expect((await openPullRecord(file, log, () => 0)).grants("host")).toBeDefined();
    await record.delete("host");
    expect((await openPullRecord(file, log, () => 0)).grants("host")).toBeUndefined();
  });
  it("in use, wanted, renamed, young or the cluster's own are kept", async () => {
    await pullAll("used:1", "wanted:1", "renamed:1", "old:1", "coracle/extra:1");
    images = images.map((i) => (i.id === "id-renamed:1" ? { ...i, tags: [...i.tags, "mine:1"] } : i));
    containers = [testContainer("x", "p", "c", { imageId: "id-used:1", state: "exited" })];
    clock += 119_000;
    await pullAll("young:1");
    await collector({ wanted: () => ["docker.io/library/wanted:1"] }).freeAll();
    expect(images.map((i) => i.id).toSorted()).toEqual([
      "host",
      "id-coracle/extra:1",
      "id-renamed:1",
      "id-used:1",
      "id-wanted:1",
      "id-young:1",
    ]);
  });
  it("go from the longest unused on, until the disk is below the low threshold", async () => {
    await pullAll("a:1", "b:1", "c:1");
    clock += 600_000;
    const disk = (availableBytes: number) => () =>
      Promise.resolve({
        availableBytes,
        capacityBytes: 2000,
        usedBytes: 2000 - availableBytes,
        inodes: 0,
        inodesFree: 0,
      });
    const events: string[] = [];
    const lastUsed = (id: string): number | undefined => (id === "id-a:1" ? clock - 200_000 : undefined);
    expect(await collector({ disk: disk(320), lastUsed }).collect()).toBe(0);
    expect(await collector({ disk: disk(300), lastUsed }).collect()).toBe(100);
    expect(images.map((i) => i.id)).toEqual(["host", "id-a:1", "id-c:1"]);
    const event = (reason: string, message: string): void => void events.push(`${reason}: ${message}`);
    expect(await collector({ disk: disk(0), lastUsed, event }).collect()).toBe(200);
    expect(events).toEqual([
      "FreeDiskSpaceFailed: Failed to garbage collect required amount of images. Attempted to free 400 bytes, but only found 200 bytes eligible to free.",
    ]);
  });
  it.each([
    ["nginx", "nginx:latest"],
    ["docker.io/library/nginx:1", "nginx:1"],
    ["docker.io/user/app", "user/app:latest"],
    ["localhost:5000/app", "localhost:5000/app:latest"],
    ["app:1@sha256:ab", "app@sha256:ab"],
  ])("%s is listed as %s", (reference, listed) => {
    expect(listedName(reference)).toBe(listed);
  });
});
