import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { badRequest } from "@coracle/shared/errors.ts";
import type { CommandStreams } from "./websocket-command.ts";

/** The node a pod runs on. @throws ApiError 400 while it has none */
export function nodeOf(pod: Pod): string {
  if (!pod.spec?.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return pod.spec.nodeName;
}

/**
 * The container that a log, exec or attach request means: the named one, or the only one.
 * @throws ApiError 400 with upstream's text when the choice is not clear or there is no such container
 */
export function containerOf(pod: Pod, name: string | null): string {
  const main = pod.spec?.containers.map((c) => c.name) ?? [];
  const init = pod.spec?.initContainers?.map((c) => c.name) ?? [];
  const ephemeral = pod.spec?.ephemeralContainers?.map((c) => c.name) ?? [];
  if (name) {
    if ([...main, ...init, ...ephemeral].includes(name)) return name;
    throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
  }
  const [only] = main;
  if (only !== undefined && main.length === 1) return only;
  const withInit = init.length > 0 ? ` or one of the init containers: [${init.join(" ")}]` : "";
  throw badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${main.join(" ")}]${withInit}`,
  );
}

/** Booleans of a query as apimachinery reads them: anything but "0" and "false", in any case of letters, is true. */
const flag = (query: URLSearchParams, name: string, fallback: boolean): boolean => {
  const value = query.get(name);
  return value === null ? fallback : value !== "0" && value.toLowerCase() !== "false";
};

export interface CommandOptions extends CommandStreams {
  readonly command: readonly string[];
}

/** PodExecOptions and PodAttachOptions from the query. With a terminal there is no separate stderr. @throws ApiError 400 */
export function commandOptions(verb: "exec" | "attach", query: URLSearchParams): CommandOptions {
  const tty = flag(query, "tty", false);
  const options = {
    command: query.getAll("command"),
    stdin: flag(query, "stdin", false),
    stdout: flag(query, "stdout", verb === "attach"),
    stderr: !tty && flag(query, "stderr", verb === "attach"),
    tty,
  };
  if (verb === "exec" && options.command.length === 0)
    throw badRequest("you must specify at least 1 command for the container");
  if (!options.stdin && !options.stdout && !options.stderr)
    throw badRequest("you must specify at least one of stdin, stdout, stderr");
  return options;
}

/** `ports` of a port-forward over WebSocket channels. @throws ApiError 400 */
export function forwardPorts(query: URLSearchParams): number[] {
  const ports = query
    .getAll("ports")
    .flatMap((value) => value.split(","))
    .map(Number);
  if (ports.length === 0) throw badRequest(`query parameter "ports" is required`);
  if (ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535))
    throw badRequest(`query parameter "ports" must be a list of port numbers`);
  return ports;
}
