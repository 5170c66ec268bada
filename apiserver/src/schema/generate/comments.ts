/**
 * Takes the descriptions of types and fields out of the comments in the API's sources: the same sentences that upstream's own
 * OpenAPI is made from, those of fields that refer to a type among them. The sources are not kept here.
 */
import type { Descriptions } from "../openapi/definitions.ts";
import { openApiName, type SourcePackage } from "./facts.ts";

/** The descriptions of every message of these packages. A field without a comment has an empty one: nothing is to stand for it. */
export function describeComments(packages: readonly SourcePackage[]): Descriptions {
  const found: Record<string, Record<string, string>> = {};
  const inlined: (readonly [into: string, from: string])[] = [];
  for (const { proto, go } of packages) {
    // A package that we describe ourselves has comments of ours, for the generator.
    if (go === undefined) continue;
    for (const message of proto.messages) {
      const name = `${openApiName(proto.package)}.${message.name}`;
      const texts: Record<string, string> = { "": prose(message.comments) };
      const fields = go.structs.get(message.name)?.fields;
      for (const field of message.fields) {
        const known = fields?.get(field.number);
        if (known?.inline === true) inlined.push([name, openApiName(field.type)]);
        // Types whose JSON is not their fields have no names for them.
        else texts[known?.json || field.name] = prose(field.comments);
      }
      if (Object.values(texts).some((text) => text !== "")) found[name] = texts;
    }
  }
  // What is inlined may have something inlined itself, and stands further down. It gives its fields, not what it is.
  for (const [into, from] of inlined.toReversed()) found[into] = { ...found[from], "": "", ...found[into] };
  return found;
}

/**
 * A comment as OpenAPI shows it: lines are joined, an empty one begins a paragraph, an indented one stays a line; markers and
 * things left to do are the generators' and the authors' own, and nothing after a dashed line is documentation.
 */
export function prose(lines: readonly string[]): string {
  const end = lines.findIndex((line) => line.startsWith("---"));
  const text = (end < 0 ? lines : lines.slice(0, end))
    .map((line) => line.replace(/ +$/, ""))
    .reduce(join, "");
  return text.trim();
}

function join(text: string, line: string): string {
  if (line === "") return `${text.slice(0, -1)}\n\n`;
  if (/^ *(?:TODO|\+)/.test(line)) return text;
  return /^[ \t]/.test(line) ? `${text.slice(0, -1)}\n${line}\n` : `${text}${line} `;
}
