/** `authorizer` in expressions: may the one who asks, or a ServiceAccount, do something else as well? */
import type { Environment } from "@coracle/shared/cel/library.ts";
import type { Authorize, Decision } from "../../registry/registry.ts";
import type { RequestInfo, UserInfo } from "../../request.ts";
import type { Attributes } from "../plugin.ts";

class Authorizer {
  readonly authorize: Authorize;
  readonly user: UserInfo;
  /** What the request itself is about. */
  readonly requestResource: ResourceCheck | undefined;
  constructor(authorize: Authorize, user: UserInfo, requestResource?: ResourceCheck) {
    this.authorize = authorize;
    this.user = user;
    this.requestResource = requestResource;
  }
}

class PathCheck {
  readonly authorizer: Authorizer;
  readonly path: string;
  constructor(authorizer: Authorizer, path: string) {
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck {
  readonly authorizer: Authorizer;
  readonly group: string;
  constructor(authorizer: Authorizer, group: string) {
    this.authorizer = authorizer;
    this.group = group;
  }
}

type Fields = Pick<RequestInfo, "group" | "resource" | "subresource" | "namespace" | "name"> &
  Partial<Pick<RequestInfo, "fieldSelector">>;

class ResourceCheck {
  readonly authorizer: Authorizer;
  readonly fields: Fields;
  constructor(authorizer: Authorizer, fields: Fields) {
    this.authorizer = authorizer;
    this.fields = fields;
  }
  with(fields: Partial<Fields>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.fields, ...fields });
  }
}

class Answer {
  readonly decision: Decision;
  constructor(decision: Decision) {
    this.decision = decision;
  }
}

/** The `authorizer` of one write. */
export function authorizerFor(authorize: Authorize, attributes: Attributes): object {
  const { kind, namespace, name, subresource, user } = attributes;
  const bare = new Authorizer(authorize, user);
  const request = new ResourceCheck(bare, {
    group: kind.group,
    resource: kind.plural,
    subresource,
    namespace,
    name,
  });
  return new Authorizer(authorize, user, request);
}

const none = { version: "*", path: "", group: "", resource: "", subresource: "", namespace: "", name: "" };

const checkPath = ({ authorizer, path }: PathCheck, verb: string): Answer =>
  new Answer(
    authorizer.authorize(authorizer.user, { ...none, isResource: false, verb: verb.toLowerCase(), path }),
  );

const checkResource = ({ authorizer, fields }: ResourceCheck, verb: string): Answer =>
  new Answer(authorizer.authorize(authorizer.user, { ...none, ...fields, isResource: true, verb }));

function serviceAccount(authorizer: Authorizer, namespace: string, name: string): Authorizer {
  return new Authorizer(authorizer.authorize, {
    username: `system:serviceaccount:${namespace}:${name}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
  });
}

export function registerAuthorizer(environment: Environment): void {
  const [authorizer, path, group, resource, answer] = [
    "kubernetes.authorization.Authorizer",
    "kubernetes.authorization.PathCheck",
    "kubernetes.authorization.GroupCheck",
    "kubernetes.authorization.ResourceCheck",
    "kubernetes.authorization.Decision",
  ];
  environment
    .registerType(path, PathCheck)
    .registerType(group, GroupCheck)
    .registerType(resource, ResourceCheck)
    .registerType(answer, Answer)
    .registerType(authorizer, { ctor: Authorizer, fields: { requestResource: resource } })
    .registerVariable("authorizer", authorizer)
    .registerFunction(
      `${authorizer}.path(string): ${path}`,
      (a: Authorizer, p: string) => new PathCheck(a, p),
    )
    .registerFunction(
      `${authorizer}.group(string): ${group}`,
      (a: Authorizer, g: string) => new GroupCheck(a, g),
    )
    .registerFunction(`${authorizer}.serviceAccount(string, string): ${authorizer}`, serviceAccount)
    .registerFunction(
      `${group}.resource(string): ${resource}`,
      ({ authorizer: a, group: g }: GroupCheck, r: string) =>
        new ResourceCheck(a, { group: g, resource: r, subresource: "", namespace: "", name: "" }),
    )
    .registerFunction(
      `${resource}.subresource(string): ${resource}`,
      (c: ResourceCheck, subresource: string) => c.with({ subresource }),
    )
    .registerFunction(`${resource}.namespace(string): ${resource}`, (c: ResourceCheck, namespace: string) =>
      c.with({ namespace }),
    )
    .registerFunction(`${resource}.name(string): ${resource}`, (c: ResourceCheck, name: string) =>
      c.with({ name }),
    )
    .registerFunction(
      `${resource}.fieldSelector(string): ${resource}`,
      (c: ResourceCheck, fieldSelector: string) => c.with({ fieldSelector }),
    )
    // Rules of this cluster know no label selectors: narrowing a request by one grants nothing more.
    .registerFunction(`${resource}.labelSelector(string): ${resource}`, (c: ResourceCheck) => c)
    .registerFunction(`${path}.check(string): ${answer}`, checkPath)
    .registerFunction(`${resource}.check(string): ${answer}`, checkResource)
    .registerFunction(`${answer}.allowed(): bool`, ({ decision }: Answer) => decision.allowed)
    .registerFunction(`${answer}.reason(): string`, ({ decision }: Answer) => decision.reason)
    .registerFunction(`${answer}.errored(): bool`, () => false)
    .registerFunction(`${answer}.error(): string`, () => "");
}
