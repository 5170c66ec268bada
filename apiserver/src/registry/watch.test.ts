import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../store/memory.ts";
import { startInProcess } from "../testing/in-process.ts";
import { raw, rawPatch, rawWatch } from "../testing/raw.ts";
import { createWatchCache } from "../watch/cache.ts";

const maps = "/api/v1/namespaces/default/configmaps";
type Api = Awaited<ReturnType<typeof startInProcess>>;
const make = (api: Api, name: string, labels?: object) =>
  raw(api, "POST", maps, { body: { metadata: { name, ...(labels ? { labels } : {}) } } });

describe("watch", () => {
  it("tells what happens after a revision, in order", async () => {
    await using api = await startInProcess();
    const { body: first } = await make(api, "a");
    await using events = await rawWatch(
      api,
      `${maps}?watch=true&resourceVersion=${first.metadata.resourceVersion}`,
    );
    await make(api, "b");
    await rawPatch(api, "merge", `${maps}/b`, { data: { k: "v" } });
    await raw(api, "DELETE", `${maps}/a`);
    expect(await events.names(3)).toEqual(["ADDED b", "MODIFIED b", "DELETED a"]);
  });

  it("gives a deletion the revision of the deletion", async () => {
    await using api = await startInProcess();
    const { body: made } = await make(api, "a");
    await using events = await rawWatch(
      api,
      `${maps}?watch=true&resourceVersion=${made.metadata.resourceVersion}`,
    );
    await raw(api, "DELETE", `${maps}/a`);
    const event = await events.next();
    expect(event?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
    expect(event?.object.metadata.resourceVersion).toBe(String(await api.registry.store.revision()));
  });

  it("starts with the state when no revision is named", async () => {
    await using api = await startInProcess();
    await make(api, "a");
    await using events = await rawWatch(api, `${maps}?watch=true`);
    await make(api, "b");
    expect(await events.names(2)).toEqual(["ADDED a", "ADDED b"]);
  });

  it("streams a list and says where it ends", async () => {
    await using api = await startInProcess();
    for (const name of ["a", "b"]) await make(api, name);
    const query =
      "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    await using events = await rawWatch(api, `${maps}?${query}`);
    expect(await events.names(2)).toEqual(["ADDED a", "ADDED b"]);
    const mark = await events.next();
    expect(mark).toMatchObject({
      type: "BOOKMARK",
      object: {
        kind: "ConfigMap",
        apiVersion: "v1",
        metadata: { annotations: { "k8s.io/initial-events-end": "true" } },
      },
    });
    await make(api, "c");
    expect(await events.names(1)).toEqual(["ADDED c"]);
    const wrong = await raw(api, "GET", `${maps}?watch=true&sendInitialEvents=true`);
    expect(wrong.body).toMatchObject({ code: 422, reason: "Invalid" });
  });

  it("turns changes of labels into ADDED and DELETED for a selector", async () => {
    await using api = await startInProcess();
    const { body: a } = await make(api, "a", { app: "x" });
    const after = a.metadata.resourceVersion;
    await using events = await rawWatch(
      api,
      `${maps}?watch=true&resourceVersion=${after}&labelSelector=app%3Dx`,
    );
    await make(api, "b");
    await rawPatch(api, "merge", `${maps}/a`, { metadata: { labels: { app: "y" } } });
    await rawPatch(api, "merge", `${maps}/b`, { metadata: { labels: { app: "x" } } });
    await rawPatch(api, "merge", `${maps}/b`, { data: { k: "v" } });
    const gone = await events.next();
    expect(gone).toMatchObject({
      type: "DELETED",
      object: { metadata: { name: "a", labels: { app: "x" } } },
    });
    expect(Number(gone?.object.metadata.resourceVersion)).toBeGreaterThan(Number(after));
    expect(await events.names(2)).toEqual(["ADDED b", "MODIFIED b"]);
  });

  it("ends after its time, with a bookmark for those who want one", async () => {
    await using api = await startInProcess();
    await make(api, "a");
    await using events = await rawWatch(api, `${maps}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true`);
    expect(await events.names(1)).toEqual(["ADDED a"]);
    expect(await events.next()).toMatchObject({ type: "BOOKMARK" });
    expect(await events.next()).toBeUndefined();
  });

  it("answers an ERROR event when the revision is too old", async () => {
    const store = createMemoryStore();
    const cache = createWatchCache(store, { historyEvents: 2 });
    const stop = new AbortController();
    await cache.start(stop.signal);
    await using api = await startInProcess({ store, cache });
    const { body } = await make(api, "a");
    for (let i = 0; i < 6; i++) await make(api, `b${i}`);
    await using events = await rawWatch(
      api,
      `${maps}?watch=true&resourceVersion=${body.metadata.resourceVersion}`,
    );
    expect(events.status).toBe(200);
    expect(await events.next()).toMatchObject({
      type: "ERROR",
      object: { kind: "Status", code: 410, reason: "Expired" },
    });
    expect(await events.next()).toBeUndefined();
    stop.abort();
  });

  it("ends when the server stops", async () => {
    const api = await startInProcess();
    await using events = await rawWatch(api, `${maps}?watch=true`);
    await api.stop();
    expect(await events.next()).toBeUndefined();
  });

  it("sends tables, with their columns once", async () => {
    await using api = await startInProcess();
    await using events = await rawWatch(api, `${maps}?watch=true`, {
      accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    });
    await make(api, "a");
    await make(api, "b");
    const [first, second] = [await events.next(), await events.next()];
    expect(first?.object).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1" });
    expect(first?.object["columnDefinitions"]).toHaveLength(3);
    expect(second?.object["columnDefinitions"]).toHaveLength(0);
    expect(second?.object["rows"]).toMatchObject([{ cells: ["b", 0, expect.any(String)] }]);
  });

  it("watches one object by name, also by the path of old", async () => {
    await using api = await startInProcess();
    await using byField = await rawWatch(api, `${maps}?watch=true&fieldSelector=metadata.name%3Db`);
    await using byPath = await rawWatch(api, "/api/v1/watch/namespaces/default/configmaps/b");
    await make(api, "a");
    await make(api, "b");
    expect(await byField.names(1)).toEqual(["ADDED b"]);
    expect(await byPath.names(1)).toEqual(["ADDED b"]);
  });
});
