import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, test } from "vitest";
import { access } from "./kubectl/access.ts";
import { looking } from "./kubectl/looking.ts";
import { nodes } from "./kubectl/nodes.ts";
import { intoPods } from "./kubectl/pods.ts";
import type { Table } from "./kubectl/table.ts";
import { writing } from "./kubectl/writing.ts";
import { kubectlVersions } from "./support/kubectl-versions.ts";
import { toolPod, webDeployment, webService } from "./support/manifests.ts";
import { useNamespace } from "./support/namespace.ts";
import { kubectlOf } from "./support/run.ts";

const { found, missing } = await kubectlVersions();

/** The same table for each version, as far as it knows the verbs; most of the time is spent waiting, so they run side by side. */
describe.concurrent.each(found)("kubectl $name", ({ name, minor, binary }) => {
  describe("in order", { concurrent: false }, () => {
    const ns = useNamespace(`kubectl-${name.replace(".", "-")}`);
    const cli = kubectlOf(binary, ns);
    const node = `node-${(found.findIndex((v) => v.name === name) % 3) + 1}`;
    let folder = "";
    const table: Table = { cli, ns, minor, node, folder: () => folder };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "coracle-kubectl-"));
      const web = webDeployment("web", 2).replace(
        "labels: { app: web }\n    spec",
        `labels: { app: web, of: ${ns} }\n    spec`,
      );
      await cli.kWith(`${web}---${webService("web")}---${toolPod("tool")}`, "apply", "-f", "-");
      await cli.k("rollout", "status", "deployment/web", "--timeout=120s");
      await cli.k("wait", "--for=condition=Ready", "pod/tool", "--timeout=60s");
    });

    describe("looking", () => {
      looking(table);
    });
    describe("writing", () => {
      writing(table);
    });
    describe("access", () => {
      access(table);
    });
    describe("nodes", () => {
      nodes(table);
    });
    describe("into pods", () => {
      intoPods(table);
    });
  });
});

for (const [name, why] of missing)
  test(`kubectl ${name}`, ({ skip }) => {
    skip(why);
  });
