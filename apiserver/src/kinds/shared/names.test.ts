import { expect, test } from "vitest";
import {
  dataKey,
  dnsLabel,
  dnsLabel1035,
  dnsSubdomain,
  envVarName,
  httpHeaderName,
  labelValue,
  pathSegment,
  percent,
  portName,
  qualifiedName,
  wildcardSubdomain,
  type StringRule,
} from "./names.ts";

const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

test.each<[string, StringRule, string, string[]]>([
  ["a label", dnsLabel, "web-1", []],
  ["a label with a capital", dnsLabel, "Web", [labelMessage]],
  ["a label with a dot", dnsLabel, "a.b", ["must not contain dots"]],
  ["a long label", dnsLabel, "a".repeat(64), ["must be no more than 63 bytes"]],
  ["an empty label", dnsLabel, "", [labelMessage]],
  ["a subdomain", dnsSubdomain, "a.b-c.d", []],
  ["a 1035 label", dnsLabel1035, "a1", []],
  [
    "a 1035 label that starts with a digit",
    dnsLabel1035,
    "1a",
    [
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    ],
  ],
  ["a wildcard", wildcardSubdomain, "*.example.com", []],
  ["a qualified name", qualifiedName, "example.com/MyName", []],
  [
    "a key with nothing after the slash",
    qualifiedName,
    "example.com/",
    [
      "name part must be non-empty",
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
  ],
  [
    "a key of three parts",
    qualifiedName,
    "a/b/c",
    [
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ],
  ],
  ["an empty label value", labelValue, "", []],
  [
    "a label value with a space",
    labelValue,
    "a b",
    [
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
  ],
  ["a role's name", pathSegment, "system:node", []],
  ["a name with a slash", pathSegment, "a/b", ["may not contain '/'"]],
  ["a dot", pathSegment, "..", ["may not be '..'"]],
  ["an environment variable", envVarName, "my.ENV-1 x", []],
  [
    "a variable with an equals sign",
    envVarName,
    "A=B",
    ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
  ],
  ["a port name", portName, "http-alt", []],
  [
    "a bad port name",
    portName,
    "-HTTP--1-too-long-",
    [
      "must be no more than 15 bytes",
      "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
      "must contain at least one letter (a-z)",
      "must not contain consecutive hyphens",
      "must not begin or end with a hyphen",
    ].filter((m) => m !== "must contain at least one letter (a-z)"),
  ],
  ["a port name without a letter", portName, "80", ["must contain at least one letter (a-z)"]],
  ["a header", httpHeaderName, "X-Header", []],
  ["a file name", dataKey, "app.properties", []],
  ["a parent folder", dataKey, "..", ["must not be '..'"]],
  ["a file name of the kubelet's own", dataKey, "..data", ["must not start with '..'"]],
  ["a percentage", percent, "25%", []],
])("%s", (_, rule, value, expected) => {
  expect(rule(value)).toEqual(expected);
});
