import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  SleepAction,
  TCPSocketAction,
} from "@coracle/shared/api/generated/core-v1.ts";
import type { IntOrString } from "@coracle/shared/api/generated/meta-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { check, httpHeaderName, mustNotBeNegative, portName, portNumber } from "../names.ts";

interface Handler {
  exec?: ExecAction | undefined;
  httpGet?: HTTPGetAction | undefined;
  tcpSocket?: TCPSocketAction | undefined;
  grpc?: GRPCAction | undefined;
  sleep?: SleepAction | undefined;
}

type ProbeRole = "liveness" | "readiness" | "startup";

export function validateProbe(probe: Probe | undefined, path: Path, role: ProbeRole): FieldError[] {
  if (!probe) return [];
  const errors = validateHandler(probe, path, 0);
  for (const field of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ] as const) {
    const value = probe[field] ?? 0;
    if (value < 0) errors.push(invalidValue(path.child(field), value, mustNotBeNegative));
  }
  const grace = probe.terminationGracePeriodSeconds;
  const gracePath = path.child("terminationGracePeriodSeconds");
  if (grace !== undefined && role === "readiness")
    errors.push(invalidValue(gracePath, grace, "must not be set for readinessProbes"));
  else if (grace !== undefined && grace <= 0)
    errors.push(invalidValue(gracePath, grace, "must be greater than 0"));
  if (role !== "readiness" && probe.successThreshold !== 1)
    errors.push(invalidValue(path.child("successThreshold"), probe.successThreshold ?? 0, "must be 1"));
  return errors;
}

export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  path: Path,
  gracePeriodSeconds: number,
): FieldError[] {
  if (!lifecycle) return [];
  const one = (handler: LifecycleHandler | undefined, name: string): FieldError[] =>
    handler ? validateHandler(handler, path.child(name), gracePeriodSeconds) : [];
  return [...one(lifecycle.postStart, "postStart"), ...one(lifecycle.preStop, "preStop")];
}

function validateHandler(handler: Handler, path: Path, gracePeriodSeconds: number): FieldError[] {
  const given = (["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const).filter((name) => handler[name]);
  const [first, ...others] = given;
  if (first === undefined) return [required(path, "must specify a handler type")];
  const errors = others.map((name) =>
    forbiddenField(path.child(name), "may not specify more than 1 handler type"),
  );
  const at = path.child(first);
  switch (first) {
    case "exec":
      if (!handler.exec?.command?.length) errors.push(required(at.child("command")));
      break;
    case "httpGet":
      if (handler.httpGet) errors.push(...validateHTTPGet(handler.httpGet, at));
      break;
    case "tcpSocket":
      errors.push(...validatePort(handler.tcpSocket?.port, at.child("port")));
      break;
    case "grpc":
      errors.push(...validatePort(handler.grpc?.port, at.child("port")));
      break;
    case "sleep":
      errors.push(...validateSleep(handler.sleep?.seconds ?? 0, at, gracePeriodSeconds));
      break;
  }
  return errors;
}

function validateHTTPGet(action: HTTPGetAction, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  if (!action.path) errors.push(required(path.child("path")));
  errors.push(...validatePort(action.port, path.child("port")));
  if (action.scheme !== "HTTP" && action.scheme !== "HTTPS")
    errors.push(notSupported(path.child("scheme"), action.scheme ?? "", ["HTTP", "HTTPS"]));
  for (const header of action.httpHeaders ?? [])
    errors.push(...check(httpHeaderName, header.name ?? "", path.child("httpHeaders")));
  return errors;
}

/** A port by number, or by the name of a container port. */
export function validatePort(port: IntOrString | undefined, path: Path): FieldError[] {
  if (typeof port === "string") return check(portName, port, path);
  return portNumber(port ?? 0).map((message) => invalidValue(path, port ?? 0, message));
}

function validateSleep(seconds: number, path: Path, gracePeriodSeconds: number): FieldError[] {
  if (seconds >= 0 && seconds <= gracePeriodSeconds) return [];
  return [
    invalidValue(
      path,
      seconds,
      `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriodSeconds})`,
    ),
  ];
}
