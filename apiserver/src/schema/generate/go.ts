/**
 * Reads from a package's Go types what the .proto files do not say: the JSON name and options of each field, which
 * structs are inlined, which fields are pointers, and the values of string enumerations.
 */

export interface GoField {
  readonly json: string;
  readonly inline: boolean;
  readonly omitempty: boolean;
  readonly omitzero: boolean;
  readonly pointer: boolean;
  /** The named type at the field's core, for enumerations: `Protocol`, `v1.PullPolicy`. */
  readonly named: string;
  readonly comments: readonly string[];
}

export interface GoStruct {
  /** Whether it embeds TypeMeta: it is a kind of its own. */
  readonly isKind: boolean;
  /** By protobuf field number. */
  readonly fields: ReadonlyMap<number, GoField>;
}

export interface GoPackage {
  readonly structs: ReadonlyMap<string, GoStruct>;
  /** Values of each type marked `+enum`. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
  readonly constants: ReadonlyMap<string, string>;
  readonly groupName: string | undefined;
}

const fieldLine = /^\t(?:(\w+)\s+)?(\S[^`]*?)\s+`([^`]*)`/;
const tag = (tags: string, name: string): string | undefined =>
  new RegExp(`\\b${name}:"([^"]*)"`).exec(tags)?.[1];

/** Parses the sources of one package (all non-test files joined). */
export function parseGo(source: string): GoPackage {
  const structs = new Map<string, GoStruct>();
  for (const match of source.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    structs.set(match[1]!, parseStruct(match[2]!));
  }
  const constants = new Map<string, string>();
  const byType = new Map<string, string[]>();
  for (const match of source.matchAll(
    /^(?:const |\t)(\w+)(?:\s+([\w.]+))?\s*=\s*(?:(\w+)\()?"([^"\n]*)"\)?/gm,
  )) {
    const [, name, declared, converted, value] = match;
    constants.set(name!, value!);
    const type = declared ?? converted;
    if (type) byType.set(type, [...(byType.get(type) ?? []), value!]);
  }
  const enums = new Map<string, readonly string[]>();
  for (const match of source.matchAll(/^((?:\/\/[^\n]*\n)+)type (\w+) string$/gm)) {
    if (!/^\/\/ ?\+enum\b/m.test(match[1]!)) continue;
    enums.set(match[2]!, [...new Set(byType.get(match[2]!) ?? [])].toSorted());
  }
  return { structs, enums, constants, groupName: /^const GroupName = "([^"]*)"/m.exec(source)?.[1] };
}

function parseStruct(body: string): GoStruct {
  const fields = new Map<number, GoField>();
  let isKind = false;
  let comments: string[] = [];
  for (const line of body.split("\n")) {
    const trimmed = line.trim();
    if (trimmed.startsWith("//")) {
      comments.push(trimmed.slice(2).replace(/^ /, ""));
      continue;
    }
    const match = fieldLine.exec(line);
    if (!match) {
      if (trimmed !== "") comments = [];
      continue;
    }
    const [, , type, tags] = match;
    const json = (tag(tags!, "json") ?? "").split(",");
    if (/(^|\.)TypeMeta$/.test(type!) && json.includes("inline")) isKind = true;
    const number = Number(/^\w+,(\d+)/.exec(tag(tags!, "protobuf") ?? "")?.[1]);
    if (number) {
      fields.set(number, {
        json: json[0] ?? "",
        inline: json.includes("inline"),
        omitempty: json.includes("omitempty"),
        omitzero: json.includes("omitzero"),
        pointer: type!.startsWith("*"),
        named: type!.replace(/^(\*|\[\]|map\[[\w.]+\])+/, ""),
        comments,
      });
    }
    comments = [];
  }
  return { isKind, fields };
}
