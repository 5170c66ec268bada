/** From the bytes of a request to an object of a kind, with upstream's answers to what is wrong with them. */
import { parseDocument } from "yaml";
import type { Tags } from "yaml";
import { ApiError, badRequest, unsupportedMediaType } from "@coracle/shared/errors.ts";
import { decodeObject } from "./decode.ts";
import { duplicateFields, strictFields } from "./json.ts";
import type { ObjectNode } from "./node.ts";
import { decodeProtobuf, protobufMediaType } from "./protobuf.ts";

export type FieldValidation = "Strict" | "Warn" | "Ignore";

export interface ParsedBody {
  readonly value: unknown;
  /** `duplicate field "…"`, only looked for when asked. */
  readonly duplicates: readonly string[];
  /** Puts duplicates and what the decoder did not know into the order in which upstream tells of them. */
  readonly inOrder?: ((unknown: readonly string[]) => readonly string[]) | undefined;
}

const accepted = ["application/json", "application/yaml", protobufMediaType];

/**
 * Parses a body by its media type (parameters are ignored; absent means JSON).
 * @throws ApiError 415 for another type, 400 when it does not parse
 */
export function parseBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  findDuplicates: boolean,
): ParsedBody {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === protobufMediaType) return { value: decodeProtobuf(bytes).object, duplicates: [] };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  if (type === "" || type === "application/json") return parseJson(text, findDuplicates);
  if (type === "application/yaml" || type === "application/x-yaml") return parseYaml(text, findDuplicates);
  throw unsupportedMediaType(accepted);
}

function parseJson(text: string, findDuplicates: boolean): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return jsonBody(value, text, findDuplicates);
}

function jsonBody(value: unknown, text: string, findDuplicates: boolean): ParsedBody {
  if (!findDuplicates) return { value, duplicates: [] };
  return { value, duplicates: duplicateFields(text), inOrder: (unknown) => strictFields(text, unknown) };
}

/** Also used for apply patches, whose body is YAML or JSON. */
export function parseYaml(text: string, findDuplicates: boolean): ParsedBody {
  if (/^\s*\{/.test(text)) {
    try {
      return jsonBody(JSON.parse(text) as unknown, text, findDuplicates);
    } catch {
      // Flow-style YAML looks like JSON at first.
    }
  }
  try {
    return readYaml(text, findDuplicates);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    // Nesting or aliases without end: the parser gives up in its own ways.
    throw badRequest(
      `error converting YAML to JSON: yaml: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function readYaml(text: string, findDuplicates: boolean): ParsedBody {
  const document = parseDocument(text, {
    version: "1.1",
    customTags: goTags,
    uniqueKeys: findDuplicates,
    logLevel: "silent",
  });
  const fatal = document.errors.filter((e) => e.code !== "DUPLICATE_KEY");
  if (fatal[0]) throw badRequest(`error converting YAML to JSON: yaml: ${fatal[0].message.split("\n")[0]}`);
  const lines = document.errors.map(
    (e) =>
      `\n  line ${e.linePos?.[0].line ?? 0}: key ${JSON.stringify(keyAt(text, e.pos[0]))} already set in map`,
  );
  const duplicates = lines.length > 0 ? [`yaml: unmarshal errors:${lines.join("")}`] : [];
  // It goes on as JSON, whose keys are sorted.
  const inOrder = (unknown: readonly string[]): string[] => [...duplicates, ...unknown.toSorted()];
  return { value: document.toJS({ maxAliasCount: 100 }) as unknown, duplicates, inOrder };
}

/** The key that starts at an offset of a YAML text, without its quotes. */
const keyAt = (text: string, offset: number): string =>
  /^(?:"([^"]*)"|'([^']*)'|([^:\n]*))/.exec(text.slice(offset))?.slice(1).find(Boolean)?.trim() ?? "";

/** Upstream's YAML reader keeps timestamps and base-60 numbers as strings. */
const goTags = (tags: Tags): Tags =>
  tags.filter(
    (t) =>
      typeof t === "string" ||
      (t.tag !== "tag:yaml.org,2002:timestamp" && !("format" in t && t.format === "TIME")),
  );

export interface Decoded {
  readonly object: Record<string, unknown>;
  /** For Warning headers. */
  readonly warnings: readonly string[];
}

export interface DecodeTarget {
  readonly node: ObjectNode;
  readonly apiVersion: string;
  readonly kind: string;
}

/** `Deployment in version "v1" cannot be handled as a Deployment: …` */
export const cannotBeHandled = (target: DecodeTarget, why: string) => {
  const version = target.apiVersion.slice(target.apiVersion.indexOf("/") + 1);
  return badRequest(
    `${target.kind} in version ${JSON.stringify(version)} cannot be handled as a ${target.kind}: ${why}`,
  );
};

/**
 * Checks and normalises a parsed body, in place.
 * @throws ApiError 400 for a wrong type, and for unknown or duplicate fields when strict
 */
export function decodeAs(target: DecodeTarget, body: ParsedBody, validation: FieldValidation): Decoded {
  const { object, unknown, error } = decodeObject(target.node, body.value);
  if (error !== undefined) throw cannotBeHandled(target, error);
  const problems = validation === "Ignore" ? [] : problemsOf(body, unknown);
  return { object, warnings: strictProblems(target, problems, validation) };
}

function problemsOf(body: ParsedBody, unknown: readonly string[]): readonly string[] {
  if (body.duplicates.length === 0 && unknown.length < 2) return unknown;
  return body.inOrder?.(unknown) ?? [...body.duplicates, ...unknown];
}

/** Turns unknown and duplicate fields into warnings or, when strict, into upstream's error. */
export function strictProblems(
  target: DecodeTarget,
  problems: readonly string[],
  validation: FieldValidation,
): readonly string[] {
  if (problems.length === 0 || validation === "Ignore") return [];
  if (validation === "Strict") throw cannotBeHandled(target, strictError(problems));
  return problems;
}

export const strictError = (problems: readonly string[]): string =>
  `strict decoding error: ${problems.join(", ")}`;
