/**
 * Protobuf request bodies: `k8s\0` and a runtime.Unknown that holds the object. The result is the JSON form of the object,
 * still to be checked and normalised by decode.ts like any other body.
 */
import protobuf from "protobufjs/minimal.js";
import { ApiError, badRequest } from "@coracle/shared/errors.ts";
import type { FieldFact } from "./facts.ts";
import { definitionName, facts, splitApiVersion } from "./registry.ts";
import { formatDuration } from "./time.ts";

const { Reader } = protobuf;
type Reader = InstanceType<typeof Reader>;
type ReadValue = (reader: Reader) => unknown;

/** The four bytes every protobuf body starts with. */
export const protobufPrefix = Buffer.from("k8s\0");

export const protobufMediaType = "application/vnd.kubernetes.protobuf";

export interface ProtobufBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: Record<string, unknown>;
}

/** @throws ApiError 400 when the bytes are not a known object */
export function decodeProtobuf(bytes: Uint8Array): ProtobufBody {
  if (!protobufPrefix.equals(bytes.subarray(0, 4))) {
    throw badRequest(
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  }
  try {
    return decodeUnknown(bytes.subarray(4));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    // A pure function of the body: whatever else fails, the body is at fault.
    throw badRequest(
      `unable to decode the protobuf body: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function decodeUnknown(bytes: Uint8Array): ProtobufBody {
  const unknown = readMessage(Reader.create(bytes), unknownFields) as {
    typeMeta?: Record<string, string>;
    raw?: Uint8Array;
  };
  const { apiVersion = "", kind = "" } = unknown.typeMeta ?? {};
  const [group, version] = splitApiVersion(apiVersion);
  const name = definitionName(group, version, kind);
  if (name === undefined) {
    throw badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme`,
    );
  }
  const object = readMessage(Reader.create(unknown.raw ?? new Uint8Array()), fieldsOf(name));
  // The type stands in the envelope; the message's own copy is empty.
  return { apiVersion, kind, object: { apiVersion, kind, ...object } };
}

interface WireField {
  readonly name: string;
  readonly read: ReadValue;
  readonly container: "list" | "map" | undefined;
  readonly inline: boolean;
  /** Numbers may come packed. */
  readonly packable: boolean;
}
type WireFields = ReadonlyMap<number, WireField>;

const single = (name: string, read: ReadValue): WireField => ({
  name,
  read,
  container: undefined,
  inline: false,
  packable: false,
});
const readString: ReadValue = (r) => r.string();
const nested =
  (fields: () => WireFields): ReadValue =>
  (r) => {
    const length = r.uint32();
    return readMessage(r, fields(), r.pos + length);
  };
/** The library answers with a number, or with an object of two halves when a long-integer package is about. */
const long = (value: number | { toString(): string }): string =>
  typeof value === "number" ? String(value) : value.toString();
const integer: ReadValue = (r) => Number(long(r.int64()));

const typeMetaFields: WireFields = new Map([
  [1, single("apiVersion", readString)],
  [2, single("kind", readString)],
]);
const unknownFields: WireFields = new Map([
  [
    1,
    single(
      "typeMeta",
      nested(() => typeMetaFields),
    ),
  ],
  [2, single("raw", (r) => r.bytes())],
]);

const scalarReaders: Readonly<Record<string, ReadValue>> = {
  string: readString,
  bool: (r) => r.bool(),
  int32: (r) => r.int32(),
  uint32: (r) => r.uint32(),
  int64: integer,
  uint64: (r) => Number(long(r.uint64())),
  double: (r) => r.double(),
  bytes: (r) => Buffer.from(r.bytes()).toString("base64"),
};

/** JSON kept as bytes inside the message. An inner protobuf object is opened too. */
function embedded(raw: unknown): unknown {
  if (!(raw instanceof Uint8Array) || raw.length === 0) return undefined;
  if (protobufPrefix.equals(raw.subarray(0, 4))) return decodeUnknown(raw.subarray(4)).object;
  return JSON.parse(Buffer.from(raw).toString("utf8")) as unknown;
}

const timeFields: WireFields = new Map([
  [1, single("seconds", integer)],
  [2, single("nanos", (r) => r.int32())],
]);
const rawFields: WireFields = new Map([[1, single("raw", (r) => r.bytes())]]);
const quantityFields: WireFields = new Map([[1, single("string", readString)]]);
const durationFields: WireFields = new Map([[1, single("ns", (r) => BigInt(long(r.int64())))]]);
const intOrStringFields: WireFields = new Map([
  [1, single("type", integer)],
  [2, single("int", (r) => r.int32())],
  [3, single("string", readString)],
]);

const special =
  (fields: WireFields, convert: (message: Record<string, unknown>) => unknown): ReadValue =>
  (r) => {
    const length = r.uint32();
    return convert(readMessage(r, fields, r.pos + length));
  };
const raw = special(rawFields, (m) => embedded(m["raw"]));

function time(fraction: (nanos: number) => string): ReadValue {
  return special(timeFields, ({ seconds = 0, nanos = 0 }) => {
    if (typeof seconds !== "number" || typeof nanos !== "number") return undefined;
    // Go's zero time travels as the epoch, and is no time at all in JSON.
    if (seconds === 0 && nanos === 0) return undefined;
    return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
  });
}

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const apiextensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";
const specialReaders: Readonly<Record<string, ReadValue>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": special(quantityFields, (m) => m["string"]),
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": special(intOrStringFields, (m) =>
    m["type"] === 1 ? (m["string"] ?? "") : (m["int"] ?? 0),
  ),
  "io.k8s.apimachinery.pkg.runtime.RawExtension": raw,
  [`${meta}.FieldsV1`]: raw,
  [`${apiextensions}.JSON`]: raw,
  [`${meta}.Time`]: time(() => ""),
  [`${meta}.MicroTime`]: time((nanos) => `.${String(Math.floor(nanos / 1000)).padStart(6, "0")}`),
  [`${meta}.Duration`]: special(durationFields, (m) => formatDuration((m["ns"] as bigint | undefined) ?? 0n)),
};

const wireFields = new Map<string, WireFields>();

function fieldsOf(name: string): WireFields {
  let fields = wireFields.get(name);
  if (!fields) {
    fields = new Map((facts.types[name]?.fields ?? []).map((f) => [f.i, wireField(f)]));
    wireFields.set(name, fields);
  }
  return fields;
}

const wireField = (f: FieldFact): WireField => ({
  name: f.n,
  read: readerOf(f.t),
  container: f.c,
  inline: f.n === "",
  packable: ["bool", "int32", "int64", "uint32", "uint64", "double"].includes(f.t),
});

function readerOf(type: string): ReadValue {
  const known = scalarReaders[type] ?? specialReaders[type];
  if (known) return known;
  if (type.startsWith(`${apiextensions}.JSONSchemaPropsOr`)) return choice(type);
  const element = facts.types[type]?.list;
  if (element) {
    const items: WireFields = new Map([
      [1, { name: "items", read: readerOf(element), container: "list", inline: false, packable: false }],
    ]);
    return special(items, (m) => m["items"] ?? []);
  }
  return nested(() => fieldsOf(type));
}

/** One of its fields is the value: the schema, or the list or boolean in its place. */
function choice(type: string): ReadValue {
  return (r) => {
    const length = r.uint32();
    const message = readMessage(r, fieldsOf(type), r.pos + length);
    const [, alternative] = Object.entries(message).find(([name]) => name !== "schema") ?? [];
    return message["schema"] ?? alternative;
  };
}

function readMessage(reader: Reader, fields: WireFields, end = reader.len): Record<string, unknown> {
  if (end > reader.len) throw new RangeError("message runs past the end of the body");
  const message: Record<string, unknown> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = fields.get(tag >>> 3);
    if (!field) reader.skipType(tag & 7);
    else readField(reader, tag & 7, field, message);
  }
  if (reader.pos > end) throw new RangeError("a field runs past the end of its message");
  return message;
}

function readField(
  reader: Reader,
  wireType: number,
  field: WireField,
  message: Record<string, unknown>,
): void {
  if (field.container === "map") return readEntry(reader, field, message);
  if (field.container === "list") {
    const list = (message[field.name] ??= []) as unknown[];
    if (wireType !== 2 || !field.packable) {
      list.push(field.read(reader));
      return;
    }
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) list.push(field.read(reader));
    return;
  }
  const value = field.read(reader);
  if (field.inline) Object.assign(message, value);
  else if (value !== undefined) message[field.name] = value;
}

function readEntry(reader: Reader, field: WireField, message: Record<string, unknown>): void {
  const map = (message[field.name] ??= {}) as Record<string, unknown>;
  const end = reader.uint32() + reader.pos;
  let key = "";
  let value: unknown;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = field.read(reader);
    else reader.skipType(tag & 7);
  }
  // A plain assignment to this name would change the prototype.
  if (key !== "__proto__") map[key] = value ?? null;
}
