import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { root } from "./bundle.ts";
import { processes } from "./coracle/warm.ts";
import { images } from "./images.ts";

test("every name and alias is used once", () => {
  const names = images.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])]);
  expect(new Set(names).size).toBe(names.length);
});

test("an image comes after the image that it is based on", () => {
  const seen = new Set<string>();
  for (const { name, recipe } of images) {
    if (recipe.how === "own" && recipe.base !== undefined) expect(seen).toContain(recipe.base);
    seen.add(name);
  }
});

test("an image of the cluster is based on images of the cluster", () => {
  for (const spec of images.filter((image) => image.for === "cluster")) {
    const base = spec.recipe.how === "own" ? spec.recipe.base : undefined;
    if (base !== undefined) expect(images.find(({ name }) => name === base)?.for).toBe("cluster");
  }
});

interface Service {
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
}
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Flags of Node, by the bundle that is started with them; compiled code of other flags is of no use to it. */
function startedWith(): Record<string, readonly string[]> {
  const compose = parse(read("docker-compose.yml"), { merge: true }) as { services: Record<string, Service> };
  const fromCompose = Object.values(compose.services).map(({ entrypoint = ["node"], command = [] }) => [
    ...entrypoint,
    ...command,
  ]);
  const fromAddons = ["addons/kube-proxy.yaml", "addons/dns.yaml"].flatMap((path) =>
    parseAllDocuments(read(path)).flatMap((document) => {
      const { spec } = document.toJS() as {
        spec?: { template?: { spec: { containers: { command: string[] }[] } } };
      };
      return spec?.template?.spec.containers.map(({ command }) => command) ?? [];
    }),
  );
  const commands = [...fromCompose, ...fromAddons].flatMap(([program, ...words]) => {
    const at = words.findIndex((word) => word.startsWith("/app/") && word.endsWith("/main.mjs"));
    return program === "node" && at >= 0
      ? [[words[at]?.split("/")[2] ?? "", words.slice(0, at)] as const]
      : [];
  });
  return Object.fromEntries(commands);
}

test("code is compiled ahead with the flags that each process is started with", () => {
  const warmed = Object.entries(processes).map(([name, { flags = [] }]) => [name, flags]);
  expect(startedWith()).toEqual(Object.fromEntries(warmed));
});
