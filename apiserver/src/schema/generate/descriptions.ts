/**
 * Takes the descriptions of types and fields, for `kubectl explain`, out of the comments in the API's sources where they are at
 * hand, and else out of the models of @kubernetes/client-node (Apache-2.0), which are generated from upstream's OpenAPI of the same
 * version but say nothing of fields that refer to a type. Done when the API server is bundled: the sentences are upstream's and not
 * kept here.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import type { Descriptions } from "../openapi/definitions.ts";
import { facts } from "../registry.ts";
import { describeComments } from "./comments.ts";
import { readPackages } from "./packages.ts";

export interface DescriptionSources {
  /** The models of @kubernetes/client-node. */
  readonly models: string;
  /** A folder with the API's sources; absent where they could not be had. */
  readonly packages?: string | undefined;
}

/** As {@link Descriptions} in a form small enough to stand in a bundle. */
export function packDescriptions(sources: DescriptionSources): string {
  return deflateRawSync(JSON.stringify(readDescriptions(sources)), { level: 9 }).toString("base64");
}

/** The descriptions of every type that the table of facts knows and the sources describe. */
export function readDescriptions({ models, packages }: DescriptionSources): Descriptions {
  const commented = packages === undefined ? {} : commentsIn(packages);
  const found = describedByModels(models);
  for (const name of Object.keys(facts.types))
    if (commented[name] !== undefined)
      found[name] = { ...commented[name], "": commented[name][""] || (found[name]?.[""] ?? "") };
  return found;
}

/** A newer release may lay its sources out otherwise: that costs sentences, not the build. */
function commentsIn(packages: string): Descriptions {
  try {
    return describeComments(readPackages(packages));
  } catch (error) {
    console.warn(`The API's sources cannot be read for their sentences: ${String(error)}`);
    return {};
  }
}

function describedByModels(models: string): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const name of Object.keys(facts.types)) {
    const model = modelOf(models, name);
    if (model !== undefined) found[name] = describedIn(models, model);
  }
  return found;
}

/** `io.k8s.api.core.v1.Event` is `CoreV1Event`; where a name occurs in one group only, it stands without the group: `V1Pod`. */
function modelOf(models: string, definition: string): string | undefined {
  const [type = "", version = "", group = ""] = definition.split(".").toReversed();
  const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  return [`${capital(group)}${capital(version)}${type}`, `${capital(version)}${type}`].find((model) =>
    existsSync(join(models, `${model}.d.ts`)),
  );
}

const typeText = /\/\*\*\n((?:\* .*\n)+)\*\/\nexport declare class/;
const fieldText = /^ {4}\/\*\*\n((?: {4}\* .*\n)+) {4}\*\/\n {4}'([^']+)'/gm;
const renamed = /"name": "(_[^"]+)",\s*"baseName": "([^"]+)"/g;

function describedIn(models: string, model: string): Record<string, string> {
  const source = readFileSync(join(models, `${model}.d.ts`), "utf8");
  const names = new Map(
    [...readFileSync(join(models, `${model}.js`), "utf8").matchAll(renamed)].map(([, name, base]) => [
      name,
      base,
    ]),
  );
  const texts: Record<string, string> = {};
  const type = typeText.exec(source)?.[1];
  if (type !== undefined) texts[""] = plain(type);
  for (const [, text = "", name = ""] of source.matchAll(fieldText))
    texts[names.get(name) ?? name] = plain(text);
  return texts;
}

/** A comment's text without what made it a comment of TypeScript. */
const plain = (comment: string): string =>
  comment
    .replaceAll(/^\s*\* ?/gm, "")
    .replaceAll("*_/", "*/")
    .replaceAll("/_*", "/*")
    .replaceAll(/\\(["'\\])/g, "$1")
    // Two spaces stand where upstream begins a paragraph.
    .replaceAll(/(?<=[.:]) {2}(?=\S)/g, "\n\n")
    .trim();
