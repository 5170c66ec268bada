/**
 * Takes the descriptions of types and fields out of the packages, for `kubectl explain`. Run by the image build; the text is
 * upstream's and never committed.
 * usage: node apiserver/src/schema/generate/descriptions.ts <folder with k8s.io/api …> <out.json>
 */
import { writeFileSync } from "node:fs";
import { openApiName } from "./facts.ts";
import { readPackages } from "./main.ts";
import type { ProtoMessage } from "./proto.ts";

/** A comment without its markers, joined the way upstream prints it: a paragraph a line. */
export function prose(comments: readonly string[]): string {
  const out: string[] = [];
  let paragraph = "";
  for (const line of comments) {
    if (line === "---") break;
    if (/^\s*(\+|TODO)/.test(line)) continue;
    const text = line.trimEnd();
    if (text === "") {
      if (paragraph) out.push(paragraph, "");
      paragraph = "";
    } else if (/^\s|^[-*] /.test(text)) {
      // Lists and indented text keep their lines.
      if (paragraph) out.push(paragraph);
      paragraph = text;
    } else paragraph = paragraph ? `${paragraph} ${text}` : text;
  }
  if (paragraph) out.push(paragraph);
  return out.join("\n").trim();
}

function main(input: string, out: string): void {
  const packages = readPackages(input);
  const messages = new Map<string, ProtoMessage>();
  const jsonNames = new Map<string, ReadonlyMap<number, string>>();
  for (const { proto, go } of packages) {
    for (const message of proto.messages) {
      messages.set(`${proto.package}.${message.name}`, message);
      const fields = go?.structs.get(message.name)?.fields ?? new Map();
      jsonNames.set(
        `${proto.package}.${message.name}`,
        new Map([...fields].map(([number, f]) => [number, f.inline ? "" : f.json])),
      );
    }
  }
  const fieldTexts = (name: string): Record<string, string> => {
    const texts: Record<string, string> = {};
    for (const field of messages.get(name)?.fields ?? []) {
      const json = jsonNames.get(name)?.get(field.number) ?? field.name;
      if (json === "") Object.assign(texts, fieldTexts(field.type));
      else texts[json] = prose(field.comments);
    }
    return texts;
  };
  const descriptions: Record<string, Record<string, string>> = {};
  for (const [name, message] of messages) {
    descriptions[openApiName(name)] = { "": prose(message.comments), ...fieldTexts(name) };
  }
  writeFileSync(out, JSON.stringify(descriptions));
}

if (import.meta.main) {
  const [, , input, out] = process.argv;
  if (!input || !out) throw new Error("usage: node descriptions.ts <folder> <out.json>");
  main(input, out);
}
