import { describe, expect, it } from "vitest";
import type { Status } from "@coracle/shared/errors.ts";
import type { KubeList, KubeObject } from "@coracle/shared/meta/object.ts";
import { createWatchCache } from "../watch/cache.ts";
import { createMemoryStore } from "../store/memory.ts";
import { startInProcess } from "../testing/in-process.ts";
import { raw } from "../testing/raw.ts";

const maps = "/api/v1/namespaces/default/configmaps";
type Api = Awaited<ReturnType<typeof startInProcess>>;
type List = KubeList<KubeObject> & Partial<Status>;

const make = (api: Api, name: string, metadata: object = {}, namespace = "default") =>
  raw(api, "POST", `/api/v1/namespaces/${namespace}/configmaps`, {
    body: { metadata: { name, ...metadata } },
  });
const names = (list: List): (string | undefined)[] => list.items.map((i) => i.metadata.name);
const list = async (api: Api, path: string): Promise<List> => (await raw<List>(api, "GET", path)).body;

describe("list", () => {
  it("shows what is there, in order, at the newest revision", async () => {
    await using api = await startInProcess();
    for (const name of ["b", "c", "a"]) await make(api, name);
    await make(api, "x", {}, "kube-system");
    const found = await list(api, maps);
    expect(found).toMatchObject({ kind: "ConfigMapList", apiVersion: "v1" });
    expect(names(found)).toEqual(["a", "b", "c"]);
    expect(found.metadata.resourceVersion).toBe(String(await api.registry.store.revision()));
    expect(names(await list(api, "/api/v1/configmaps"))).toEqual(["a", "b", "c", "x"]);
  });

  it("narrows by labels and fields", async () => {
    await using api = await startInProcess();
    await make(api, "a", { labels: { app: "x", tier: "1" } });
    await make(api, "b", { labels: { app: "y" } });
    await make(api, "c");
    const select = async (query: string) => names(await list(api, `${maps}?${query}`));
    expect(await select("labelSelector=app%3Dx")).toEqual(["a"]);
    expect(await select("labelSelector=app+in+(x,y),!tier")).toEqual(["b"]);
    expect(await select("labelSelector=app!%3Dx")).toEqual(["b", "c"]);
    expect(await select("fieldSelector=metadata.name%3Db")).toEqual(["b"]);
    expect(await select("fieldSelector=metadata.name!%3Db")).toEqual(["a", "c"]);
    expect(await select("fieldSelector=metadata.name%3Db&labelSelector=app%3Dx")).toEqual([]);
    const bad = await list(api, `${maps}?fieldSelector=data.x%3Db`);
    expect(bad).toMatchObject({ code: 400, reason: "BadRequest" });
    const badPod = await list(api, "/api/v1/pods?fieldSelector=spec.nothing%3Db");
    expect(badPod.message).toBe("field label not supported: spec.nothing");
    expect(await list(api, `${maps}?labelSelector=a+b+c`)).toMatchObject({ code: 400 });
    const refusal = async (selector: string) =>
      (await list(api, `${maps}?labelSelector=${encodeURIComponent(selector)}`)).message;
    expect(await refusal("a/b/c")).toContain(
      'unable to parse requirement: <nil>: Invalid value: "a/b/c": a qualified name must consist of',
    );
    expect(await refusal("a in (x,-y)")).toContain(
      'unable to parse requirement: values[1][a]: Invalid value: "-y": a valid label must be an empty string or consist of',
    );
  });

  it("gives pages pinned to one revision", async () => {
    await using api = await startInProcess();
    for (const name of ["a", "b", "c", "d", "e"]) await make(api, name);
    const first = await list(api, `${maps}?limit=2`);
    expect(names(first)).toEqual(["a", "b"]);
    expect(first.metadata.remainingItemCount).toBe(3);
    await raw(api, "DELETE", `${maps}/c`);
    await make(api, "cc");
    const second = await list(api, `${maps}?limit=2&continue=${first.metadata.continue}`);
    expect(names(second)).toEqual(["c", "d"]);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const third = await list(api, `${maps}?limit=2&continue=${second.metadata.continue}`);
    expect(names(third)).toEqual(["e"]);
    expect(third.metadata.continue).toBeUndefined();
  });

  it("answers 410 with a token to go on when a page's revision is forgotten", async () => {
    const store = createMemoryStore();
    const cache = createWatchCache(store, { historyEvents: 2 });
    const stop = new AbortController();
    await cache.start(stop.signal);
    await using api = await startInProcess({ store, cache });
    for (const name of ["a", "b", "c"]) await make(api, name);
    const first = await list(api, `${maps}?limit=1`);
    for (let i = 0; i < 6; i++) await make(api, `z${i}`);
    const gone = await list(api, `${maps}?limit=1&continue=${first.metadata.continue}`);
    expect(gone).toMatchObject({ code: 410, reason: "Expired" });
    const token = (gone.metadata as { continue?: string }).continue;
    expect(names(await list(api, `${maps}?limit=2&continue=${token}`))).toEqual(["b", "c"]);
    stop.abort();
  });

  it("refuses tokens it did not give", async () => {
    await using api = await startInProcess();
    expect(await list(api, `${maps}?continue=nonsense`)).toMatchObject({ code: 400, reason: "BadRequest" });
    const token = Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: 3, start: "a" })).toString(
      "base64url",
    );
    expect(await list(api, `${maps}?continue=${token}&resourceVersion=3`)).toMatchObject({ code: 400 });
  });

  it("reads at, or not before, the revision that is asked for", async () => {
    await using api = await startInProcess();
    const { body: a } = await make(api, "a");
    await make(api, "b");
    const at = a.metadata.resourceVersion;
    expect(names(await list(api, `${maps}?resourceVersion=${at}&resourceVersionMatch=Exact`))).toEqual(["a"]);
    expect(names(await list(api, `${maps}?resourceVersion=${at}&limit=5`))).toEqual(["a"]);
    const newer = await list(api, `${maps}?resourceVersion=${at}&resourceVersionMatch=NotOlderThan`);
    expect(names(newer)).toEqual(["a", "b"]);
    expect(names(await list(api, `${maps}?resourceVersion=0`))).toEqual(["a", "b"]);
    expect(await list(api, `${maps}?resourceVersionMatch=Exact`)).toMatchObject({ code: 422 });
    expect(await list(api, `${maps}?resourceVersion=0&resourceVersionMatch=Exact`)).toMatchObject({
      code: 422,
    });
    expect(await list(api, `${maps}?resourceVersion=x`)).toMatchObject({ code: 422 });
    expect(await list(api, `${maps}?resourceVersion=18446744073709551616`)).toMatchObject({ code: 422 });
    expect(await list(api, `${maps}?resourceVersion=18446744073709551615`)).toMatchObject({
      code: 504,
      message: expect.stringMatching(/^Timeout: Too large resource version: /) as string,
    });
  });

  it("shows tables, with as much of each object as is wanted", async () => {
    await using api = await startInProcess();
    await make(api, "a");
    const table = async (include: string) =>
      (
        await raw<{
          kind: string;
          columnDefinitions: { name: string }[];
          rows: { cells: unknown[]; object: unknown }[];
        }>(api, "GET", `${maps}?includeObject=${include}`, {
          headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" },
        })
      ).body;
    const shown = await table("Metadata");
    expect(shown.kind).toBe("Table");
    expect(shown.columnDefinitions.map((c) => c.name)).toEqual(["Name", "Data", "Age"]);
    expect(shown.rows[0]?.cells.slice(0, 2)).toEqual(["a", 0]);
    expect(shown.rows[0]?.object).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "a" } });
    expect((await table("None")).rows[0]?.object).toBeNull();
    expect((await table("Object")).rows[0]?.object).toMatchObject({ kind: "ConfigMap" });
  });

  it("shows metadata alone", async () => {
    await using api = await startInProcess();
    await raw(api, "POST", maps, { body: { metadata: { name: "a" }, data: { k: "v" } } });
    const { body } = await raw<List>(api, "GET", maps, {
      headers: { accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" },
    });
    expect(body.kind).toBe("PartialObjectMetadataList");
    expect(body.items[0]).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "a" } });
    expect(body.items[0]).not.toHaveProperty("data");
  });
});
