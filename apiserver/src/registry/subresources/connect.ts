/** Admission of connections: exec, attach, port-forward and the proxies. */
import { badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { admitValidate } from "../admission.ts";
import { isTrue } from "../options.ts";
import type { BodyKind, Call, Registry } from "../registry.ts";

type Read = (query: URLSearchParams, name: string) => unknown;

const flag: Read = (query, name) => (isTrue(query.get(name)) ? true : undefined);
const text: Read = (query, name) => query.get(name) || undefined;
const texts: Read = (query, name) => (query.has(name) ? query.getAll(name) : undefined);
const numbers: Read = (query, name) =>
  query.has(name) ? query.getAll(name).flatMap((part) => part.split(",").map(Number)) : undefined;

const streamFields = { stdin: flag, stdout: flag, stderr: flag, tty: flag, container: text };

/** What the query of a connection says, by the kind of its options. */
const fields: Readonly<Record<string, Readonly<Record<string, Read>>>> = {
  PodExecOptions: { ...streamFields, command: texts },
  PodAttachOptions: streamFields,
  PodPortForwardOptions: { ports: numbers },
  PodProxyOptions: {},
  ServiceProxyOptions: {},
  NodeProxyOptions: {},
};

/** The options of a connection as the object they are to admission. */
export function connectOptions({ kind }: BodyKind, { request, info }: Call): KubeObject {
  const options: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(fields[kind] ?? {})) {
    const value = read(request.query, name);
    if (value !== undefined) options[name] = value;
  }
  if (info.subpath) options["path"] = info.subpath;
  // Options have no metadata.
  return { kind, apiVersion: "v1", ...options } as unknown as KubeObject;
}

/** Lets admission refuse a connection. */
export async function admitConnect(
  registry: Registry,
  call: Call,
  options: BodyKind | undefined,
): Promise<void> {
  if (!options) throw badRequest("this cannot be connected to");
  const { served, info, user, warn } = call;
  await admitValidate(
    registry,
    {
      operation: "CONNECT",
      kind: served.kind,
      subresource: info.subresource,
      namespace: info.namespace,
      name: info.name,
      user,
      dryRun: false,
      body: options,
      version: served.version,
      warn,
    },
    connectOptions(options, call),
  );
}
