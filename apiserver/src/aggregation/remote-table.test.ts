import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { expect, test } from "vitest";
import { aggregated } from "../discovery/aggregated.ts";
import { groupsOf } from "../discovery/groups.ts";
import { createOpenApiDocuments } from "../discovery/openapi.ts";
import { createResourceTable } from "../registry/resources.ts";
import { readDocuments } from "./remote-documents.ts";
import { resourcesIn } from "./remote-kinds.ts";
import { createRemoteTable, type RemoteVersion } from "./remote-table.ts";

const group = "fleet.example.com";
const boats = {
  resources: [
    { name: "boats", singularName: "boat", kind: "Boat", namespaced: true, verbs: ["list", "get"] },
    { name: "boats/sail", kind: "Voyage", group: "sea.example.com", version: "v2", verbs: ["create"] },
  ],
};
const remote = (version: string, versionPriority: number): RemoteVersion => ({
  service: { spec: { group, version, versionPriority, groupPriorityMinimum: 2000 } } as APIService,
  resources: resourcesIn(boats),
  documents: undefined,
  isStale: false,
});

function start(...versions: RemoteVersion[]) {
  const resources = createResourceTable([]);
  const remotes = new Map(versions.map((version, i) => [String(i), version]));
  const table = createRemoteTable(resources, remotes);
  table.show(group);
  return { resources, remotes, table };
}

test("a group's versions are shown together, as their registrations rank them", () => {
  const { resources, remotes, table } = start(remote("v1", 10), remote("v1alpha1", 20));
  const [shown] = groupsOf(resources.kinds());
  expect(shown?.versions).toEqual(["v1alpha1", "v1"]);
  const { items } = aggregated(groupsOf(resources.kinds()), "/apis", "v2") as { items: unknown[] };
  expect(items).toMatchObject([
    {
      metadata: { name: group },
      versions: [
        {
          version: "v1alpha1",
          freshness: "Current",
          resources: [
            {
              resource: "boats",
              scope: "Namespaced",
              responseKind: { group, version: "v1alpha1", kind: "Boat" },
              subresources: [
                {
                  subresource: "sail",
                  verbs: ["create"],
                  responseKind: { group: "sea.example.com", version: "v2", kind: "Voyage" },
                },
              ],
            },
          ],
        },
        { version: "v1", resources: [{ responseKind: { version: "v1" } }] },
      ],
    },
  ]);
  remotes.delete("1");
  table.show(group);
  expect(groupsOf(resources.kinds())[0]?.versions).toEqual(["v1"]);
  remotes.clear();
  table.show(group);
  expect(resources.kinds()).toEqual([]);
});

test("a server that does not answer is remembered as stale", () => {
  const version = remote("v1", 10);
  const { resources, table } = start(version);
  version.isStale = true;
  table.show(group);
  const { items } = aggregated(groupsOf(resources.kinds()), "/apis", "v2") as { items: unknown[] };
  expect(items).toMatchObject([{ versions: [{ freshness: "Stale", resources: [{ resource: "boats" }] }] }]);
});

test("the server's own documents are part of OpenAPI, with the types that they need and no others", async () => {
  const version = remote("v1", 10);
  const { resources, table } = start(version);
  const asked: string[] = [];
  const read = (path: string): Promise<unknown> => {
    asked.push(path);
    const paths = { "apis/fleet.example.com/v1": { serverRelativeURL: "/openapi/v3/x?hash=ABC" } };
    const swagger = {
      paths: {
        "/apis/fleet.example.com/v1/boats": { get: { schema: { $ref: "#/definitions/example.Boat" } } },
        "/version": { get: { schema: { $ref: "#/definitions/example.Info" } } },
      },
      definitions: {
        "example.Boat": {
          description: "floats",
          properties: { mast: { $ref: "#/definitions/example.Mast" } },
        },
        "example.Mast": { type: "object" },
        "example.Info": { type: "object" },
      },
    };
    return Promise.resolve(path === "/openapi/v3" ? { paths } : swagger);
  };
  version.documents = await readDocuments(read, { group, version: "v1" }, undefined);
  expect(await readDocuments(read, { group, version: "v1" }, version.documents)).toBe(version.documents);
  expect(asked).toEqual(["/openapi/v3", "/openapi/v2", "/openapi/v3"]);
  table.show(group);
  const openApi = createOpenApiDocuments(resources);
  const get = (path: string): Record<string, Record<string, unknown>> => {
    const { body } = openApi({ query: new URLSearchParams(), headers: {} } as never, path) ?? {};
    return JSON.parse((body as Buffer).toString()) as Record<string, Record<string, unknown>>;
  };
  expect(get("/openapi/v3")["paths"]).toMatchObject({
    "apis/fleet.example.com/v1": { serverRelativeURL: expect.stringMatching(/\?hash=ABC$/) as string },
  });
  const v2 = get("/openapi/v2");
  expect(v2["paths"]).toHaveProperty(["/apis/fleet.example.com/v1/boats", "get", "schema"]);
  expect(v2["definitions"]).toHaveProperty(["example.Boat", "description"], "floats");
  expect(v2["definitions"]).toHaveProperty(["example.Mast"]);
  expect(v2["definitions"]).not.toHaveProperty(["example.Info"]);
});
