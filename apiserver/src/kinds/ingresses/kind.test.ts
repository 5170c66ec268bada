import { describe, expect, test } from "vitest";
import { columnNames, refusals, row } from "../kind.test-support.ts";
import { ingresses } from "./kind.ts";

const backend = { service: { name: "web", port: { number: 80 } } };
const rule = (path: object, host = "example.com") => ({
  spec: { rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend, ...path }] } }] },
});
const at = "spec.rules[0].http.paths[0]";

describe("is refused", () => {
  test.each<[string, object, string[]]>([
    ["nothing", rule({}), []],
    [
      "without rules",
      { spec: {} },
      ["spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"],
    ],
    [
      "an address for a host",
      rule({}, "10.0.0.1"),
      ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
    ],
    [
      "a path without a type",
      rule({ pathType: "" }),
      [`${at}.pathType: Required value: pathType must be specified`],
    ],
    [
      "a path that goes up",
      rule({ path: "a/../b" }),
      [
        `${at}.path: Invalid value: "a/../b": must be an absolute path`,
        `${at}.path: Invalid value: "a/../b": must not contain '/../'`,
      ],
    ],
    [
      "a backend of two kinds",
      rule({ backend: { ...backend, resource: { kind: "A", name: "b" } } }),
      [`${at}.backend: Invalid value: "": cannot set both resource and service backends`],
    ],
    [
      "a backend without a port",
      rule({ backend: { service: { name: "Web" } } }),
      [
        `${at}.backend.service.name: Invalid value: "Web": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
        `${at}.backend: Required value: port name or number is required`,
      ],
    ],
    [
      "a class twice",
      {
        metadata: { annotations: { "kubernetes.io/ingress.class": "a" } },
        spec: { ingressClassName: "b", defaultBackend: backend },
      },
      [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": can not be set when the class field is also set',
      ],
    ],
  ])("%s", (_, body, expected) => {
    expect(refusals(ingresses, body as never)).toEqual(expected);
  });
});

test("a line", () => {
  expect(columnNames(ingresses)).toBe("NAME CLASS HOSTS ADDRESS PORTS AGE");
  const hosts = (...names: string[]) => ({ rules: names.map((host) => ({ host })) });
  expect(row(ingresses, { spec: { ...hosts("a", "b", "c", "d", "e"), tls: [{}] } })).toMatchObject({
    CLASS: "<none>",
    HOSTS: "a,b,c + 2 more...",
    PORTS: "80, 443",
    ADDRESS: "",
  });
  const status = { loadBalancer: { ingress: [{ ip: "10.0.0.2" }, { ip: "10.0.0.1" }] } };
  expect(row(ingresses, { spec: { ingressClassName: "nginx" }, status })).toMatchObject({
    CLASS: "nginx",
    HOSTS: "*",
    ADDRESS: "10.0.0.1,10.0.0.2",
    PORTS: "80",
  });
});
