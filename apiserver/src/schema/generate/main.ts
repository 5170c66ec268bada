/**
 * Writes shared/src/api/generated/*.ts and generated/facts.json.
 * usage: node apiserver/src/schema/generate/main.ts <folder that holds k8s.io/api, k8s.io/apimachinery, …>
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildFacts, openApiName } from "./facts.ts";
import { readPackages } from "./packages.ts";
import { moduleName, typescriptOf } from "./typescript.ts";

const here = import.meta.dirname;
const root = join(here, "../../../..");

/** Packages whose messages have no TypeScript module of their own: their JSON is special. */
const withoutModule = new Set([
  "io.k8s.apimachinery.pkg.api.resource",
  "io.k8s.apimachinery.pkg.util.intstr",
  "io.k8s.apimachinery.pkg.runtime",
]);

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
