/**
 * Writes shared/src/api/generated/*.ts and generated/facts.json.
 * usage: node apiserver/src/schema/generate/main.ts <folder that holds k8s.io/api, k8s.io/apimachinery, …>
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildFacts, openApiName } from "./facts.ts";
import type { SourcePackage } from "./facts.ts";
import { parseGo } from "./go.ts";
import { parseProto } from "./proto.ts";
import { moduleName, typescriptOf } from "./typescript.ts";

const here = import.meta.dirname;
const root = join(here, "../../../..");

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

/** Packages whose messages have no TypeScript module of their own: their JSON is special. */
const withoutModule = new Set([
  "io.k8s.apimachinery.pkg.api.resource",
  "io.k8s.apimachinery.pkg.util.intstr",
  "io.k8s.apimachinery.pkg.runtime",
]);

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
  const extra = join(here, "extra");
  for (const file of readdirSync(extra)) {
    packages.push({ proto: parseProto(readFileSync(join(extra, file), "utf8")), go: undefined });
  }
  return packages;
}

function main(input: string): void {
  const packages = readPackages(input);
  const facts = buildFacts(packages);
  const types = Object.entries(facts.types).map(
    ([name, fact]) => `${JSON.stringify(name)}:${JSON.stringify(fact)}`,
  );
  writeFileSync(
    join(here, "../generated/facts.json"),
    `{"enums":${JSON.stringify(facts.enums)},\n"types":{\n${types.join(",\n")}\n}}\n`,
  );
  const out = join(root, "shared/src/api/generated");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const { proto } of packages) {
    const prefix = openApiName(proto.package);
    if (withoutModule.has(prefix)) continue;
    writeFileSync(join(out, `${moduleName(prefix)}.ts`), typescriptOf(prefix, facts));
  }
}

if (import.meta.main) {
  const input = process.argv[2];
  if (!input) throw new Error("usage: node main.ts <folder>");
  main(input);
}
