import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { createAuthorize } from "../authz/authorize.ts";
import { createNodeAuthorizer } from "../authz/node.ts";
import { createNodeGraph } from "../authz/node-graph.ts";
import { createRbac } from "../authz/rbac.ts";
import { defineKind, type Kind } from "../registry/kind.ts";
import type { UserInfo } from "../request.ts";
import { createTestCluster, type TestCluster } from "../watch/test-cache.ts";
import { createAdmit } from "./index.ts";
import type { AdmissionPlugin, Attributes } from "./plugin.ts";

/** Writes that go through plugins and nothing else. */
export interface TestAdmission extends TestCluster {
  readonly warnings: string[];
  /** Both phases of a write. @returns the object as the plugins left it */
  write(options: TestWrite): Promise<KubeObject>;
  /** The message of the refusal, or "admitted". */
  refusal(options: TestWrite): Promise<string>;
}
export interface TestWrite {
  /** Storage name. */
  readonly to: string;
  readonly object?: object;
  readonly old?: object;
  readonly operation?: Attributes["operation"];
  readonly subresource?: string;
  readonly user?: UserInfo;
  readonly dryRun?: boolean;
}

export async function createTestAdmission(...plugins: AdmissionPlugin[]): Promise<TestAdmission> {
  const cluster = await createTestCluster();
  const rbac = createRbac(cluster.cache);
  const node = createNodeAuthorizer(createNodeGraph(cluster.cache), []);
  const authorize = createAuthorize({ rbac, node });
  const admit = createAdmit({ ...cluster, rbac, authorize, now: () => new Date() }, plugins);
  const warnings: string[] = [];
  const write = async (options: TestWrite): Promise<KubeObject> => {
    const attributes = attributesOf(options, warnings);
    if (attributes.operation !== "DELETE") await admit("mutate", attributes);
    await admit("validate", attributes);
    return attributes.object ?? { metadata: {} };
  };
  return {
    ...cluster,
    warnings,
    write,
    refusal: (options) =>
      write(options).then(
        () => "admitted",
        (e: Error) => e.message,
      ),
  };
}

function attributesOf(options: TestWrite, warnings: string[]): Attributes {
  const { to, object, old, subresource = "", dryRun = false } = options;
  const { metadata } = (object ?? old ?? { metadata: {} }) as KubeObject;
  return {
    operation: options.operation ?? (old ? "UPDATE" : "CREATE"),
    kind: kindOf(to),
    resource: to.split(".", 1)[0] ?? "",
    subresource,
    namespace: metadata.namespace ?? "",
    name: metadata.name ?? "",
    user: options.user ?? { username: "alice", groups: [] },
    dryRun,
    warn: (message) => void warnings.push(message),
    ...(object ? { object: structuredClone(object) as KubeObject } : {}),
    ...(old ? { oldObject: old as KubeObject } : {}),
  };
}

function kindOf(storage: string): Kind {
  const [plural = "", ...group] = storage.split(".");
  return defineKind({ kind: plural, plural, group: group.join("."), storage, namespaced: true });
}
