/** A reader for the .proto files that Go's generator writes: flat proto2 messages, one field a line, comments above. */

export interface ProtoField {
  readonly name: string;
  readonly number: number;
  /** A scalar name, or a full message name without the leading dot. */
  readonly type: string;
  readonly container: "list" | "map" | undefined;
  readonly comments: readonly string[];
}

export interface ProtoMessage {
  readonly name: string;
  readonly fields: readonly ProtoField[];
  readonly comments: readonly string[];
}

export interface ProtoFile {
  readonly package: string;
  readonly messages: readonly ProtoMessage[];
}

const scalars = new Set(["string", "bool", "int32", "int64", "uint32", "uint64", "double", "float", "bytes"]);
const fieldLine =
  /^(?:(optional|required|repeated)\s+)?(map<\s*string\s*,\s*([\w.]+)\s*>|[\w.]+)\s+(\w+)\s*=\s*(\d+)\s*;/;

/** Parses one file. Type names without a dot are resolved into the file's own package. */
export function parseProto(text: string): ProtoFile {
  const packageName = /^package\s+([\w.]+);/m.exec(text)?.[1] ?? "";
  const resolve = (type: string): string =>
    scalars.has(type) ? type : type.startsWith(".") ? type.slice(1) : `${packageName}.${type}`;
  const messages: ProtoMessage[] = [];
  let comments: string[] = [];
  let open: { name: string; fields: ProtoField[]; comments: string[] } | undefined;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line.startsWith("//")) {
      comments.push(line.slice(2).replace(/^ /, ""));
      continue;
    }
    if (line === "") {
      // Inside a message a blank line may stand between a field's paragraph and its markers.
      if (!open) comments = [];
      continue;
    }
    const start = /^message\s+(\w+)\s*\{(\s*\})?/.exec(line);
    if (start) {
      open = { name: start[1]!, fields: [], comments };
      comments = [];
      if (start[2]) {
        messages.push(open);
        open = undefined;
      }
      continue;
    }
    if (open && line === "}") {
      messages.push(open);
      open = undefined;
      comments = [];
      continue;
    }
    const field = fieldLine.exec(line);
    if (open && field) {
      const [, label, type, mapValue, name, number] = field;
      open.fields.push({
        name: name!,
        number: Number(number),
        type: resolve(mapValue ?? type!),
        container: mapValue ? "map" : label === "repeated" ? "list" : undefined,
        comments,
      });
    }
    comments = [];
  }
  return { package: packageName, messages };
}
