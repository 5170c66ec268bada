/** The API's sources as Debian packages them: which are read, and reading them. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { SourcePackage } from "./facts.ts";
import { parseGo } from "./go.ts";
import { parseProto } from "./proto.ts";

const groupVersions = [
  "core/v1",
  "apps/v1",
  "batch/v1",
  "rbac/v1",
  "discovery/v1",
  "networking/v1",
  "policy/v1",
  "autoscaling/v1",
  "autoscaling/v2",
  "storage/v1",
  "scheduling/v1",
  "coordination/v1",
  "events/v1",
  "node/v1",
  "certificates/v1",
  "authentication/v1",
  "authorization/v1",
  "admissionregistration/v1",
  "admission/v1",
  "flowcontrol/v1",
  "resource/v1",
];
export const packageFolders = [
  "apimachinery/pkg/api/resource",
  "apimachinery/pkg/util/intstr",
  "apimachinery/pkg/runtime",
  "apimachinery/pkg/apis/meta/v1",
  ...groupVersions.map((gv) => `api/${gv}`),
  "apiextensions-apiserver/pkg/apis/apiextensions/v1",
];

/** Reads the packages below `input`, and our own descriptions of those that are not there. */
export function readPackages(input: string): SourcePackage[] {
  const base = ["usr/share/gocode/src/k8s.io", "k8s.io", "."]
    .map((p) => join(input, p))
    .find((p) => existsSync(join(p, "apimachinery")));
  if (!base) throw new Error(`no apimachinery package below ${input}`);
  const packages: SourcePackage[] = packageFolders.map((folder) => {
    const path = join(base, folder);
    const sources = readdirSync(path)
      .filter((f) => f.endsWith(".go") && !/_test\.go$|^zz_|generated/.test(f))
      .map((f) => readFileSync(join(path, f), "utf8"));
    return {
      proto: parseProto(readFileSync(join(path, "generated.proto"), "utf8")),
      go: parseGo(sources.join("\n")),
    };
  });
  const extra = join(import.meta.dirname, "extra");
  for (const file of readdirSync(extra)) {
    packages.push({ proto: parseProto(readFileSync(join(extra, file), "utf8")), go: undefined });
  }
  return packages;
}
