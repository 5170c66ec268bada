import type { Pod, Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { createLogger } from "@coracle/shared/log.ts";
import { describe, expect, test } from "vitest";
import { createFakeRuntime } from "../runtime/fake.ts";
import type { ImageAccess } from "./access.ts";
import { credentialsFor } from "./credentials.ts";
import { createImageManager } from "./manager.ts";
import { parseImage } from "./reference.ts";

describe("image names", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  test.each([
    ["nginx", { registry: "docker.io", repository: "library/nginx", tag: undefined }],
    ["team/app:v1", { registry: "docker.io", repository: "team/app", tag: "v1" }],
    ["localhost:5000/app", { registry: "localhost:5000", repository: "app", tag: undefined }],
    ["r.example/a/b:1", { registry: "r.example", repository: "a/b", tag: "1" }],
    [`nginx@${digest}`, { repository: "library/nginx", digest }],
  ])("%s", (text, wanted) => expect(parseImage(text)).toMatchObject(wanted));
  test.each(["", "UPPER", "a b", "nginx:", "nginx:bad tag", "a//b", "nginx@sha256:xyz", "-x"])(
    "%j is none",
    (text) => expect(parseImage(text)).toBeUndefined(),
  );
});

describe("pull secrets", () => {
  const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");
  const auth = Buffer.from("me:pass:word").toString("base64");
  const secrets: Record<string, Secret> = {
    modern: {
      metadata: {},
      type: "kubernetes.io/dockerconfigjson",
      data: {
        ".dockerconfigjson": b64({
          auths: {
            "https://r.example": { auth },
            "r.example/team": { username: "team", password: "t" },
            "*.wild.example": { username: "w", password: "w" },
            "https://index.docker.io/v1/": { username: "hub", password: "h" },
          },
        }),
      },
    },
    old: {
      metadata: {},
      type: "kubernetes.io/dockercfg",
      data: { ".dockercfg": b64({ "old.example:5000": { username: "o", password: "o" } }) },
    },
    broken: { metadata: {}, type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": "!!" } },
  };
  const pod: Pod = {
    metadata: { namespace: "n" },
    spec: {
      containers: [],
      imagePullSecrets: [{ name: "modern" }, { name: "old" }, { name: "broken" }, { name: "gone" }],
    },
  };
  test("those that are not there are told", async () => {
    const told: (readonly string[])[] = [];
    const references = {
      secret: (_: string, name: string) => Promise.resolve(secrets[name]),
      configMap: () => Promise.resolve(undefined),
    };
    await credentialsFor("nginx", pod, references, (names) => told.push(names));
    expect(told).toEqual([["gone"]]);
  });
  const users = async (image: string): Promise<(string | undefined)[]> =>
    (
      await credentialsFor(image, pod, {
        secret: (_, name) => Promise.resolve(secrets[name]),
        configMap: () => Promise.resolve(undefined),
      })
    ).map((found) => found.username);
  test("the most specific entry comes first", async () => {
    expect(await users("r.example/team/app")).toEqual(["team", "me"]);
    expect(await users("r.example/other")).toEqual(["me"]);
  });
  test("wildcards, ports, the hub and the old form", async () => {
    expect(await users("a.wild.example/x")).toEqual(["w"]);
    expect(await users("old.example:5000/x")).toEqual(["o"]);
    expect(await users("nginx")).toEqual(["hub"]);
    expect(await users("elsewhere.example/x")).toEqual([]);
  });
});

describe("making sure of an image", () => {
  const world = (options: Parameters<typeof createFakeRuntime>[0], access?: ImageAccess) => {
    let time = 0;
    const events: string[] = [];
    const runtime = createFakeRuntime(options);
    const manager = createImageManager({
      runtime,
      maxParallel: 1,
      access,
      log: createLogger("test"),
      now: () => time,
      steady: () => time,
      signal: new AbortController().signal,
    });
    const ensure = (image: string, imagePullPolicy?: string, attempt = 0) =>
      new Promise<Awaited<ReturnType<typeof manager.ensure>>>((resolve, reject) => {
        const ask = (): void => {
          const wish = {
            pod: { metadata: { uid: "u" } },
            container: { name: "c", image, imagePullPolicy },
            attempt,
            credentials: () => Promise.resolve([]),
            event: (_: string, reason: string) => void events.push(reason),
            wake: ask,
          };
          manager.ensure(wish).then((answer) => {
            if (answer.kind !== "pulling") resolve(answer);
          }, reject);
        };
        ask();
      });
    return { ensure, events, advance: (ms: number) => void (time += ms), runtime, manager };
  };

  test("one that is there is used; Always pulls it for each instance", async () => {
    const { ensure, events } = world({ images: ["a:1"], registry: ["a:1"] });
    expect((await ensure("a:1")).kind).toBe("present");
    expect((await ensure("a:1", "Always", 1)).kind).toBe("present");
    expect((await ensure("a:1", "Always", 1)).kind).toBe("present");
    expect((await ensure("a:1", "Always", 2)).kind).toBe("present");
    expect(events).toEqual(["Pulled", "Pulling", "Pulled", "Pulling", "Pulled"]);
  });

  test("one that is missing is pulled, or not when it must not", async () => {
    const { ensure, events } = world({ images: [], registry: ["a:1"] });
    expect(await ensure("a:1", "Never")).toMatchObject({ waiting: { reason: "ErrImageNeverPull" } });
    expect((await ensure("a:1", "IfNotPresent")).kind).toBe("present");
    expect(events).toContain("Pulling");
  });

  test("one that others pulled with their credentials has to be pulled with the pod's own", async () => {
    const closed = { allows: () => Promise.resolve(false) };
    const { ensure, events } = world({ images: ["a:1"], registry: [] }, closed);
    expect(await ensure("a:1", "IfNotPresent")).toMatchObject({ waiting: { reason: "ErrImagePull" } });
    expect(await ensure("a:1", "Never")).toMatchObject({ waiting: { reason: "ErrImageNeverPull" } });
    expect(events).not.toContain("Pulled");
    const open = world({ images: ["a:1"], registry: ["a:1"] }, closed);
    expect((await open.ensure("a:1", "IfNotPresent")).kind).toBe("present");
    expect((await open.ensure("a:1", "IfNotPresent")).kind).toBe("present");
    expect(open.events).toEqual(["Pulling", "Pulled"]);
  });

  test("a failed pull shows its error, then backs off, then tries again", async () => {
    const { ensure, advance, events } = world({ images: [] });
    expect(await ensure("a:1")).toMatchObject({ waiting: { reason: "ErrImagePull" } });
    advance(3_000);
    const backing = await ensure("a:1");
    expect(backing).toMatchObject({
      waiting: {
        reason: "ImagePullBackOff",
        message: 'Back-off pulling image "a:1": ErrImagePull: manifest for a:1 not found: manifest unknown',
      },
      until: 10_000,
    });
    advance(8_000);
    expect(await ensure("a:1")).toMatchObject({ waiting: { reason: "ErrImagePull" } });
    advance(3_000);
    expect(await ensure("a:1")).toMatchObject({ until: 31_000 });
    expect(events.filter((reason) => reason === "Pulling")).toHaveLength(2);
  });

  test("nothing is kept of a pull whose pod has gone meanwhile", async () => {
    const { ensure, events, manager } = world({ images: [] });
    const over = Promise.withResolvers<void>();
    const wish = {
      pod: { metadata: { uid: "u" } },
      container: { name: "c", image: "a:1" },
      attempt: 0,
      credentials: () => Promise.resolve([]),
      event: () => undefined,
      wake: () => over.resolve(),
    };
    expect((await manager.ensure(wish)).kind).toBe("pulling");
    await over.promise;
    manager.forget("u");
    expect(await ensure("a:1")).toMatchObject({ waiting: { reason: "ErrImagePull" } });
    expect(events).toContain("Pulling");
  });

  test("what is no image name is said so, once", async () => {
    const { ensure, events } = world({});
    for (let i = 0; i < 3; i++)
      expect(await ensure("UPPER")).toMatchObject({ waiting: { reason: "InvalidImageName" } });
    expect(events).toEqual(["InspectFailed", "Failed"]);
  });
});
