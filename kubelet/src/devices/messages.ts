/** The messages that kubelet and plugins exchange (pluginregistration v1, dra v1 and v1beta1, which agree on the wire). */
import protobuf from "protobufjs/minimal.js";

type FieldType = "string" | "bool" | MessageType;
interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** A list, or a map with strings for keys. */
  readonly many?: "list" | "map";
}
/** Fields by number. */
export type MessageType = Readonly<Record<number, Field>>;
type Content = Readonly<Record<string, unknown>>;

const text = (name: string): Field => ({ name, type: "string" });
const list = (name: string, type: FieldType): Field => ({ name, type, many: "list" });
const map = (name: string, type: MessageType): Field => ({ name, type, many: "map" });

export const nothing: MessageType = {};
export const pluginInfo: MessageType = {
  1: text("type"),
  2: text("name"),
  3: text("endpoint"),
  4: list("supportedVersions", "string"),
};
export const registrationStatus: MessageType = {
  1: { name: "pluginRegistered", type: "bool" },
  2: text("error"),
};
const claim: MessageType = { 1: text("namespace"), 2: text("uid"), 3: text("name") };
const device: MessageType = {
  1: list("requestNames", "string"),
  2: text("poolName"),
  3: text("deviceName"),
  4: list("cdiDeviceIds", "string"),
  5: text("shareId"),
};
export const claims: MessageType = { 1: list("claims", claim) };
export const prepared: MessageType = { 1: map("claims", { 1: list("devices", device), 2: text("error") }) };
export const unprepared: MessageType = { 1: map("claims", { 1: text("error") }) };

export interface PluginInfo {
  readonly type: string;
  readonly name: string;
  readonly endpoint: string;
  readonly supportedVersions: readonly string[];
}
export interface ClaimReference {
  readonly namespace: string;
  readonly uid: string;
  readonly name: string;
}
export interface PreparedDevice {
  readonly requestNames: readonly string[];
  readonly poolName: string;
  readonly deviceName: string;
  readonly cdiDeviceIds: readonly string[];
}
export interface PreparedClaims {
  readonly claims: Readonly<
    Record<string, { readonly devices: readonly PreparedDevice[]; readonly error: string }>
  >;
}
export interface UnpreparedClaims {
  readonly claims: Readonly<Record<string, { readonly error: string }>>;
}

const asMessage = (no: number): number => (no << 3) | 2;

export function encode(type: MessageType, content: Content): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [key, field] of Object.entries(type)) {
    const value = content[field.name];
    const no = Number(key);
    if (field.many === "map")
      for (const [name, item] of Object.entries((value ?? {}) as Content)) {
        const entry = { 1: text("key"), 2: { name: "value", type: field.type } };
        writer.uint32(asMessage(no)).bytes(encode(entry, { key: name, value: item }));
      }
    else
      for (const item of field.many ? ((value ?? []) as unknown[]) : [value])
        write(writer, no, field.type, item);
  }
  return writer.finish();
}

function write(writer: protobuf.Writer, no: number, type: FieldType, value: unknown): void {
  if (value === undefined || value === "" || value === false) return;
  if (type === "bool") writer.uint32(no << 3).bool(true);
  else if (type === "string") writer.uint32(asMessage(no)).string(value as string);
  else writer.uint32(asMessage(no)).bytes(encode(type, value as Content));
}

/** What is absent has its default; fields that are not known are passed over. */
export function decode<T>(type: MessageType, bytes: Uint8Array): T {
  const reader = protobuf.Reader.create(bytes);
  const content: Record<string, unknown> = {};
  for (const { name, type: of, many } of Object.values(type))
    content[name] =
      many === "list" ? [] : many === "map" ? {} : of === "string" ? "" : of === "bool" ? false : undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = type[tag >>> 3];
    if (!field) {
      reader.skipType(tag & 7);
      continue;
    }
    if (field.many === "map") {
      const entry = { 1: text("key"), 2: { name: "value", type: field.type } };
      const { key, value } = decode<{ key: string; value: unknown }>(entry, reader.bytes());
      const item = value ?? decode(field.type as MessageType, new Uint8Array());
      Object.defineProperty(content[field.name], key, { value: item, enumerable: true, configurable: true });
      continue;
    }
    const value = read(reader, field.type);
    if (field.many === "list") (content[field.name] as unknown[]).push(value);
    else content[field.name] = value;
  }
  return content as T;
}

function read(reader: protobuf.Reader, type: FieldType): unknown {
  if (type === "bool") return reader.bool();
  return type === "string" ? reader.string() : decode(type, reader.bytes());
}
