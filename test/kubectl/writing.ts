import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { busybox, webDeployment, webImage } from "../support/manifests.ts";
import { must } from "../support/run.ts";
import type { Table } from "./table.ts";

/** What creates, changes and deletes. */
export function writing(table: Table): void {
  const { k, tryK, kWith, tryKWith, command } = table.cli;
  const { ns, minor, folder } = table;
  test("create of every generator", async () => {
    expect(await k("create", "configmap", "c", "--from-literal=a=1")).toBe("configmap/c created\n");
    expect(await k("create", "secret", "generic", "s", "--from-literal=a=1")).toBe("secret/s created\n");
    expect(
      await k(
        "create",
        "secret",
        "docker-registry",
        "pull",
        "--docker-server=r.invalid",
        "--docker-username=u",
        "--docker-password=p",
      ),
    ).toBe("secret/pull created\n");
    expect(await k("create", "serviceaccount", "robot")).toBe("serviceaccount/robot created\n");
    expect(await k("create", "role", "reader", "--verb=get,list", "--resource=pods")).toBe(
      "role.rbac.authorization.k8s.io/reader created\n",
    );
    expect(await k("create", "rolebinding", "reader", "--role=reader", `--serviceaccount=${ns}:robot`)).toBe(
      "rolebinding.rbac.authorization.k8s.io/reader created\n",
    );
    expect(await k("create", "quota", "q", "--hard=pods=100")).toBe("resourcequota/q created\n");
    expect(await k("create", "job", "j", `--image=${busybox}`, "--", "true")).toBe("job.batch/j created\n");
    const cronJob = await tryK(
      "create",
      "cronjob",
      "cj",
      `--image=${busybox}`,
      "--schedule=0 0 1 1 *",
      "--",
      "true",
    );
    // Before 1.21 both were asked for in versions that upstream does not serve any more either.
    if (minor < 21) expect(cronJob.stderr).toContain("the server could not find the requested resource");
    else expect(cronJob.stdout).toBe("cronjob.batch/cj created\n");
    const budget = await tryK(
      "create",
      "poddisruptionbudget",
      "pdb",
      "--selector=app=none",
      "--min-available=1",
    );
    if (minor < 21) expect(budget.stderr).toContain('in version "policy/v1beta1"');
    else expect(budget.stdout).toBe("poddisruptionbudget.policy/pdb created\n");
    expect(await k("create", "ingress", "i", "--rule=a.example/*=web:80")).toBe(
      "ingress.networking.k8s.io/i created\n",
    );
    expect(await k("create", "service", "clusterip", "ci", "--tcp=80:80")).toBe("service/ci created\n");
    if (minor >= 24) expect((await k("create", "token", "robot")).split(".")).toHaveLength(3);
    await k("wait", "--for=condition=Complete", "job/j", "--timeout=60s");
  });
  test("apply, again, and what it prunes", async () => {
    const yaml = (data: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: applied }\ndata: { ${data} }\n`;
    expect(await kWith(yaml("a: one, b: two"), "apply", "-f", "-")).toBe("configmap/applied created\n");
    expect(await kWith(yaml("a: one, b: two"), "apply", "-f", "-")).toBe("configmap/applied unchanged\n");
    expect(await kWith(yaml("a: z"), "apply", "-f", "-")).toBe("configmap/applied configured\n");
    expect(JSON.parse(await k("get", "configmap", "applied", "-o", "jsonpath={.data}"))).toEqual({ a: "z" });
  });
  test("apply --server-side: owners, conflicts, force", async () => {
    const yaml = (value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shared }\ndata: { key: ${value} }\n`;
    expect(await kWith(yaml("one"), "apply", "--server-side", "--field-manager=first", "-f", "-")).toBe(
      "configmap/shared serverside-applied\n",
    );
    const conflict = await tryKWith(
      yaml("two"),
      "apply",
      "--server-side",
      "--field-manager=second",
      "-f",
      "-",
    );
    expect(conflict.code).toBe(1);
    expect(conflict.stderr).toContain('conflict with "first"');
    await kWith(
      yaml("two"),
      "apply",
      "--server-side",
      "--field-manager=second",
      "--force-conflicts",
      "-f",
      "-",
    );
    expect(await k("get", "configmap", "shared", "-o", "jsonpath={.data.key}")).toBe("two");
  });
  test("diff shows what would change and changes nothing", async () => {
    const out = await tryKWith(webDeployment("web", 3), "diff", "-f", "-");
    expect(out.code).toBe(1);
    expect(out.stdout).toMatch(/-\s+replicas: 2\n\+\s+replicas: 3/);
    expect(await k("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")).toBe("2");
  });
  test("dry run on the server stores nothing", async () => {
    expect(await k("create", "configmap", "ghost", "--dry-run=server")).toBe(
      "configmap/ghost created (server dry run)\n",
    );
    expect((await tryK("get", "configmap", "ghost")).code).toBe(1);
  });
  test("edit, replace, patch of all types", async () => {
    const editor = join(folder(), "editor.sh");
    await writeFile(editor, "#!/bin/sh\nsed -i 's/a: z/a: edited/' \"$1\"\n", { mode: 0o755 });
    await must("env", [`KUBE_EDITOR=${editor}`, ...command("edit", "configmap", "applied")]);
    expect(await k("get", "configmap", "applied", "-o", "jsonpath={.data.a}")).toBe("edited");
    const object = await k("get", "configmap", "applied", "-o", "json");
    expect(await kWith(object.replace("edited", "replaced"), "replace", "-f", "-")).toBe(
      "configmap/applied replaced\n",
    );
    await k(
      "patch",
      "configmap",
      "applied",
      "--type=json",
      "-p",
      '[{"op":"add","path":"/data/j","value":"1"}]',
    );
    await k("patch", "configmap", "applied", "--type=merge", "-p", '{"data":{"a":null}}');
    expect(JSON.parse(await k("get", "configmap", "applied", "-o", "jsonpath={.data}"))).toEqual({ j: "1" });
    await k(
      "patch",
      "deployment",
      "web",
      "-p",
      '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","env":[{"name":"A","value":"1"}]}]}}}}',
    );
    expect(
      await k(
        "get",
        "deployment",
        "web",
        "-o",
        "jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[0].name}",
      ),
    ).toBe(`${webImage} A`);
  });
  test("label and annotate", async () => {
    expect(await k("label", "configmap", "applied", "a=b")).toBe("configmap/applied labeled\n");
    expect((await tryK("label", "configmap", "applied", "a=c")).stderr).toContain("--overwrite is false");
    expect(await k("label", "configmap", "applied", "a-")).toMatch(/^configmap\/applied (un)?labeled\n$/);
    expect(await k("annotate", "configmap", "applied", "note=hi")).toBe("configmap/applied annotated\n");
  });
  test("scale, autoscale, expose, set", async () => {
    expect(await k("scale", "deployment", "web", "--replicas=3")).toBe("deployment.apps/web scaled\n");
    expect(await k("autoscale", "deployment", "web", "--min=1", "--max=3", "--cpu-percent=80")).toContain(
      "horizontalpodautoscaler.autoscaling/web autoscaled",
    );
    expect(await k("expose", "deployment", "web", "--port=80", "--name=exposed")).toBe(
      "service/exposed exposed\n",
    );
    expect(await k("set", "env", "deployment/web", "B=2")).toContain("deployment.apps/web env updated");
    expect(await k("set", "resources", "deployment/web", "--requests=cpu=5m")).toContain(
      "resource requirements updated",
    );
    await k("delete", "horizontalpodautoscaler", "web");
  });
  test("rollout: status, history, pause, resume, restart, undo", async () => {
    await k("rollout", "status", "deployment/web", "--timeout=120s");
    expect(await k("rollout", "pause", "deployment/web")).toBe("deployment.apps/web paused\n");
    expect(await k("rollout", "resume", "deployment/web")).toBe("deployment.apps/web resumed\n");
    expect(await k("rollout", "restart", "deployment/web")).toBe("deployment.apps/web restarted\n");
    await k("rollout", "status", "deployment/web", "--timeout=120s");
    expect(await k("rollout", "history", "deployment/web")).toMatch(/REVISION\s+CHANGE-CAUSE/);
    expect(await k("rollout", "undo", "deployment/web")).toBe("deployment.apps/web rolled back\n");
    await k("rollout", "status", "deployment/web", "--timeout=120s");
  });
  test("delete by name, by label, all; and waits until it is gone", async () => {
    expect(await k("delete", "configmap", "c")).toMatch(/^configmap "c" deleted/);
    await k("label", "configmap", "applied", "shared", "sweep=yes");
    expect(await k("delete", "configmap", "-l", "sweep=yes")).toMatch(
      /configmap "applied" deleted.*\nconfigmap "shared" deleted/,
    );
    expect((await tryK("delete", "configmap", "c")).stderr).toContain("NotFound");
    expect(await k("delete", "configmap", "c", "--ignore-not-found")).toBe("");
  });
  test("kustomize", async () => {
    const dir = join(folder(), "kustomize");
    await mkdir(dir);
    await writeFile(
      join(dir, "kustomization.yaml"),
      "configMapGenerator:\n  - { name: gen, literals: [x=1] }\nnamePrefix: k-\n",
    );
    expect(await k("apply", "-k", dir)).toMatch(/^configmap\/k-gen-\S+ created\n$/);
  });
}
