/** A container's environment, in upstream's order of precedence: services, then envFrom, then env. */
import type {
  ConfigMap,
  Container,
  EnvFromSource,
  EnvVar,
  Pod,
  Secret,
} from "@coracle/shared/api/generated/core-v1.ts";
import { parseEnvFile } from "./env-file.ts";
import { expand } from "./expand.ts";
import { fieldValue, resourceValue, type Addresses } from "./fields.ts";

/** A configuration that cannot be honoured: CreateContainerConfigError. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Objects a pod refers to; undefined when there is none. Rejects when it cannot be known. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Pick<Container, "name" | "env" | "envFrom">;
  readonly references: References;
  readonly services: ReadonlyMap<string, string>;
  /** A file in one of the pod's volumes; undefined when there is none. */
  readonly file: (volume: string, path: string) => Promise<string | undefined>;
  readonly addresses: Addresses;
  readonly allocatable: Readonly<Record<string, string>>;
}

export interface Environment {
  readonly variables: ReadonlyMap<string, string>;
  /** Keys that are no names for variables, by the object they come from, for an event. */
  readonly skipped: readonly { readonly source: string; readonly keys: readonly string[] }[];
}

/** Printable ASCII without `=`. */
const NAME = /^[\x20-\x3c\x3e-\x7e]+$/;
const utf8 = (base64: string): string => Buffer.from(base64, "base64").toString();

async function fromSource(
  source: EnvFromSource,
  input: EnvironmentInput,
): Promise<{ label: string; data: [string, string][] }> {
  const namespace = input.pod.metadata.namespace ?? "";
  const prefix = source.prefix ?? "";
  const named = (data: Record<string, string> | undefined, decode: (v: string) => string) =>
    Object.entries(data ?? {}).map(([key, value]): [string, string] => [`${prefix}${key}`, decode(value)]);
  if (source.configMapRef) {
    const { name = "", optional } = source.configMapRef;
    const object = await input.references.configMap(namespace, name);
    if (!object && !optional) throw new ConfigError(`configmap "${name}" not found`);
    return { label: `configMap ${namespace}/${name}`, data: named(object?.data, (v) => v) };
  }
  if (source.secretRef) {
    const { name = "", optional } = source.secretRef;
    const object = await input.references.secret(namespace, name);
    if (!object && !optional) throw new ConfigError(`secret "${name}" not found`);
    return { label: `secret ${namespace}/${name}`, data: named(object?.data, utf8) };
  }
  return { label: "", data: [] };
}

/** Undefined: the variable is optional and left out. */
async function valueFrom(variable: EnvVar, input: EnvironmentInput): Promise<string | undefined> {
  const from = variable.valueFrom;
  const namespace = input.pod.metadata.namespace ?? "";
  if (from?.fieldRef) return fieldValue(input.pod, from.fieldRef, input.addresses);
  if (from?.resourceFieldRef)
    return resourceValue(input.pod, from.resourceFieldRef, input.container.name, input.allocatable);
  if (from?.configMapKeyRef) {
    const { name = "", key, optional } = from.configMapKeyRef;
    const object = await input.references.configMap(namespace, name);
    const value = object?.data?.[key];
    if (value !== undefined || optional) return value;
    if (!object) throw new ConfigError(`configmap "${name}" not found`);
    throw new ConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
  }
  if (from?.secretKeyRef) {
    const { name = "", key, optional } = from.secretKeyRef;
    const object = await input.references.secret(namespace, name);
    const value = object?.data?.[key];
    if (value !== undefined || optional) return value === undefined ? undefined : utf8(value);
    if (!object) throw new ConfigError(`secret "${name}" not found`);
    throw new ConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
  }
  if (from?.fileKeyRef) {
    const { volumeName, path, key, optional } = from.fileKeyRef;
    const text = await input.file(volumeName, path);
    const value = text === undefined ? undefined : parseEnvFile(text).get(key);
    if (value !== undefined || optional) return value;
    if (text === undefined) throw new ConfigError(`file "${path}" not found in volume "${volumeName}"`);
    throw new ConfigError(`environment variable key "${key}" not found in file "${path}"`);
  }
  return "";
}

/** @throws ConfigError when something it needs does not exist. */
export async function makeEnvironment(input: EnvironmentInput): Promise<Environment> {
  const own = new Map<string, string>();
  const skipped: { source: string; keys: string[] }[] = [];
  for (const source of input.container.envFrom ?? []) {
    const { label, data } = await fromSource(source, input);
    const keys: string[] = [];
    for (const [key, value] of data) {
      if (NAME.test(key)) own.set(key, value);
      else keys.push(key);
    }
    if (keys.length > 0) skipped.push({ source: label, keys: keys.toSorted() });
  }
  const lookup = (name: string): string | undefined => own.get(name) ?? input.services.get(name);
  for (const variable of input.container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, lookup)
      : variable.valueFrom
        ? await valueFromOrError(variable, input)
        : "";
    if (value !== undefined) own.set(variable.name, value);
  }
  for (const [name, value] of input.services) if (!own.has(name)) own.set(name, value);
  return { variables: own, skipped };
}

async function valueFromOrError(variable: EnvVar, input: EnvironmentInput): Promise<string | undefined> {
  try {
    return await valueFrom(variable, input);
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError((error as Error).message, { cause: error });
  }
}
