import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
  Volume,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notFoundField,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../../registry/field.ts";
import { check, dnsLabel, portName, portNumber } from "../names.ts";
import { ipAddress } from "../net.ts";
import { validateResources } from "./resources.ts";
import { validateEnv, validateEnvFrom } from "./validate-env.ts";
import { validateDevices, validateMounts } from "./validate-mounts.ts";
import { validateLifecycle, validateProbe } from "./validate-probe.ts";
import { validateSecurityContext } from "./validate-security.ts";

type AnyContainer = Container | EphemeralContainer;

/** App containers, init containers and ephemeral containers of a pod, with the rules that span them. */
export function validateContainers(spec: PodSpec, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const apps = spec.containers ?? [];
  if (apps.length === 0) errors.push(required(path.child("containers")));
  errors.push(...validateHostNetwork(spec, path.child("containers")));
  apps.forEach((container, i) => {
    const at = path.child("containers").index(i);
    errors.push(...validateCommon(container, spec, at), ...uniqueName(container, names, at));
    errors.push(...validateProbes(container, spec, at), ...validateRestartRules(container, at, false));
  });
  errors.push(...uniqueHostPorts(apps, path.child("containers")));
  (spec.initContainers ?? []).forEach((container, i) => {
    const at = path.child("initContainers").index(i);
    errors.push(...validateCommon(container, spec, at), ...uniqueName(container, names, at));
    errors.push(
      ...validateInit(container, spec, at),
      ...uniqueHostPorts([container], path.child("initContainers"), i),
    );
  });
  (spec.ephemeralContainers ?? []).forEach((container, i) => {
    const at = path.child("ephemeralContainers").index(i);
    errors.push(...validateCommon(container, spec, at), ...uniqueName(container, names, at));
    errors.push(...validateEphemeral(container, spec, at));
  });
  return errors;
}

function uniqueName(container: AnyContainer, names: Set<string>, path: Path): FieldError[] {
  if (!container.name) return [];
  if (names.has(container.name)) return [duplicate(path.child("name"), container.name)];
  names.add(container.name);
  return [];
}

function validateCommon(container: AnyContainer, spec: PodSpec, path: Path): FieldError[] {
  const volumes: readonly Volume[] = spec.volumes ?? [];
  const errors = container.name
    ? check(dnsLabel, container.name, path.child("name"))
    : [required(path.child("name"))];
  if (!container.image) errors.push(required(path.child("image")));
  errors.push(
    ...oneOf(
      container.terminationMessagePolicy,
      ["File", "FallbackToLogsOnError"],
      path.child("terminationMessagePolicy"),
    ),
    ...validatePorts(container.ports, path.child("ports")),
    ...validateEnv(container.env, path.child("env"), volumes),
    ...validateEnvFrom(container.envFrom, path.child("envFrom")),
    ...validateMounts(container, volumes, path.child("volumeMounts")),
    ...validateDevices(container, volumes, path.child("volumeDevices")),
    ...oneOf(container.imagePullPolicy, ["Always", "IfNotPresent", "Never"], path.child("imagePullPolicy")),
    ...validateResources(container.resources, path.child("resources")),
    ...validateClaims(container, spec, path.child("resources", "claims")),
    ...validateResizePolicy(container, spec, path.child("resizePolicy")),
    ...validateSecurityContext(container.securityContext, path.child("securityContext"), spec.hostUsers),
  );
  return errors;
}

const oneOf = (value: string | undefined, known: readonly string[], path: Path): FieldError[] =>
  !value ? [required(path)] : known.includes(value) ? [] : [notSupported(path, value, known)];

function validateClaims(container: AnyContainer, spec: PodSpec, path: Path): FieldError[] {
  const seen = new Set<string>();
  const known = (spec.resourceClaims ?? []).map((c) => c.name).toSorted();
  return (container.resources?.claims ?? []).flatMap((claim, i) => {
    const at = path.index(i);
    if (!claim.name) return [required(at)];
    const errors: FieldError[] = [];
    const key = claim.request ? `${claim.name}/${claim.request}` : claim.name;
    if (seen.has(claim.name) || seen.has(key)) errors.push(duplicate(at, key));
    seen.add(key);
    if (!known.includes(claim.name)) {
      const names = known.length > 0 ? `: ${known.join(", ")}` : " which is empty";
      const error = notFoundField(at, claim.name);
      errors.push({
        ...error,
        message: `${error.message}: must be one of the names in pod.spec.resourceClaims${names}`,
      });
    }
    return errors;
  });
}

function validateResizePolicy(container: AnyContainer, spec: PodSpec, path: Path): FieldError[] {
  const seen = new Set<string>();
  return (container.resizePolicy ?? []).flatMap((policy, i) => {
    const errors: FieldError[] = [];
    if (seen.has(policy.resourceName)) errors.push(duplicate(path.index(i), policy.resourceName));
    seen.add(policy.resourceName);
    errors.push(...oneOf(policy.resourceName, ["cpu", "memory"], path));
    errors.push(...oneOf(policy.restartPolicy, ["NotRequired", "RestartContainer"], path));
    if (spec.restartPolicy === "Never" && policy.restartPolicy !== "NotRequired")
      errors.push(
        invalidValue(path, policy.restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"),
      );
    return errors;
  });
}

const protocols = ["SCTP", "TCP", "UDP"];

function validatePorts(ports: readonly ContainerPort[] | undefined, path: Path): FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap((port, i) => {
    const at = path.index(i);
    const errors: FieldError[] = [];
    if (port.name) {
      const wrong = check(portName, port.name, at.child("name"));
      errors.push(...wrong);
      if (wrong.length === 0 && names.has(port.name)) errors.push(duplicate(at.child("name"), port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(at.child("containerPort")));
    else
      for (const message of portNumber(port.containerPort))
        errors.push(invalidValue(at.child("containerPort"), port.containerPort, message));
    if (port.hostPort)
      for (const message of portNumber(port.hostPort))
        errors.push(invalidValue(at.child("hostPort"), port.hostPort, message));
    if (port.hostIP) errors.push(...check(ipAddress, port.hostIP, at.child("hostIP")));
    errors.push(...oneOf(port.protocol, protocols, at.child("protocol")));
    return errors;
  });
}

/** In the node's network a container port is the node's port. */
function validateHostNetwork(spec: PodSpec, path: Path): FieldError[] {
  if (!spec.hostNetwork) return [];
  return (spec.containers ?? []).flatMap((container, c) =>
    (container.ports ?? []).flatMap((port, p) =>
      port.hostPort && port.hostPort !== port.containerPort
        ? [
            invalidValue(
              path.index(c).child("ports").index(p).child("hostPort"),
              port.hostPort,
              "must match `containerPort` when `hostNetwork` is true",
            ),
          ]
        : [],
    ),
  );
}

function uniqueHostPorts(containers: readonly Container[], path: Path, first = 0): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap((container, c) =>
    (container.ports ?? []).flatMap((port, p) => {
      if (!port.hostPort) return [];
      const text = `${port.protocol}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (seen.has(text))
        return [
          duplicate(
            path
              .index(first + c)
              .child("ports")
              .index(p)
              .child("hostPort"),
            text,
          ),
        ];
      seen.add(text);
      return [];
    }),
  );
}

function validateProbes(container: Container, spec: PodSpec, path: Path): FieldError[] {
  const grace = spec.terminationGracePeriodSeconds ?? 0;
  return [
    ...validateLifecycle(container.lifecycle, path.child("lifecycle"), grace),
    ...validateProbe(container.livenessProbe, path.child("livenessProbe"), "liveness"),
    ...validateProbe(container.readinessProbe, path.child("readinessProbe"), "readiness"),
    ...validateProbe(container.startupProbe, path.child("startupProbe"), "startup"),
  ];
}

/** A restartable init container is a sidecar; an ordinary one runs to its end and has no probes. */
function validateInit(container: Container, spec: PodSpec, path: Path): FieldError[] {
  const errors = validateRestartRules(container, path, true);
  if (container.restartPolicy === "Always") return [...errors, ...validateProbes(container, spec, path)];
  for (const field of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const)
    if (container[field])
      errors.push(
        forbiddenField(path.child(field), "may not be set for init containers without restartPolicy=Always"),
      );
  return errors;
}

function validateRestartRules(container: Container, path: Path, init: boolean): FieldError[] {
  const known = ["Always", "OnFailure", "Never"];
  const errors: FieldError[] = [];
  if (container.restartPolicy !== undefined && !known.includes(container.restartPolicy))
    errors.push(notSupported(path.child("restartPolicy"), container.restartPolicy, known));
  const rules = container.restartPolicyRules ?? [];
  const at = path.child("restartPolicyRules");
  if (rules.length === 0) return errors;
  if (container.restartPolicy === undefined)
    errors.push(
      required(path.child("restartPolicy"), "must specify restartPolicy when restart rules are used"),
    );
  if (init && container.restartPolicy === "Always")
    errors.push(
      forbiddenField(at, "restartPolicyRules are not allowed for init containers with restartPolicy=Always"),
    );
  rules.forEach((rule, i) => {
    if (!["Restart", "RestartAllContainers"].includes(rule.action))
      errors.push(
        notSupported(at.index(i).child("action"), rule.action ?? "", ["Restart", "RestartAllContainers"]),
      );
    if (!rule.exitCodes) errors.push(required(at.index(i).child("exitCodes"), "must be specified"));
    else
      errors.push(
        ...oneOf(rule.exitCodes.operator, ["In", "NotIn"], at.index(i).child("exitCodes", "operator")),
      );
  });
  return errors;
}

const notForEphemeral = ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] as const;

function validateEphemeral(container: EphemeralContainer, spec: PodSpec, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const target = container.targetContainerName;
  const named = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (target && !named.some((c) => c.name === target))
    errors.push(notFoundField(path.child("targetContainerName"), target));
  for (const field of notForEphemeral) {
    const value = container[field];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      errors.push(forbiddenField(path.child(field), "cannot be set for an Ephemeral Container"));
  }
  const { limits, requests, claims } = container.resources ?? {};
  if (limits || requests || claims)
    errors.push(forbiddenField(path.child("resources"), "cannot be set for an Ephemeral Container"));
  (container.volumeMounts ?? []).forEach((mount, i) => {
    const at = path.child("volumeMounts").index(i);
    if (mount.subPath)
      errors.push(forbiddenField(at.child("subPath"), "cannot be set for an Ephemeral Container"));
    if (mount.subPathExpr)
      errors.push(forbiddenField(at.child("subPathExpr"), "cannot be set for an Ephemeral Container"));
  });
  return errors;
}
