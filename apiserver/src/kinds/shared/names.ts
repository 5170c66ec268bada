import { invalidValue, required, type FieldError, type Path } from "../../registry/field.ts";

/** Rules for names and other short strings. Each returns what is wrong, in upstream's words; nothing is wrong with an empty list. */
export type StringRule = (value: string) => string[];

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const underscoreLabel = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const underscoreSubdomain = `${underscoreLabel}(\\.${underscoreLabel})*`;
const label1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const qualified = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValueForm = `(${qualified})?`;

const whole = (form: string): RegExp => new RegExp(`^(?:${form})$`);
const labelForm = whole(label);
const subdomainForm = whole(subdomain);
const underscoreSubdomainForm = whole(underscoreSubdomain);
const label1035Form = whole(label1035);
const wildcardForm = whole(`\\*\\.${subdomain}`);
const qualifiedForm = whole(qualified);
const labelValueWhole = whole(labelValueForm);

export const tooLongFor = (max: number): string => `must be no more than ${max} bytes`;
export const between = (min: number, max: number): string => `must be between ${min} and ${max}, inclusive`;
export const mustNotBeNegative = "must be greater than or equal to 0";

/** Says that a value must match a form, with examples, as upstream prints it. */
export function formError(message: string, form: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${form}')`;
  return `${message} (e.g. ${examples.map((e) => `'${e}', `).join(" or ")}regex used for validation is '${form}')`;
}

const bytes = (value: string): number => Buffer.byteLength(value);

export const dnsLabel: StringRule = (value) => {
  const errors = bytes(value) > 63 ? [tooLongFor(63)] : [];
  if (labelForm.test(value)) return errors;
  if (subdomainForm.test(value)) return [...errors, "must not contain dots"];
  return [
    ...errors,
    formError(
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
      label,
      "my-name",
      "123-abc",
    ),
  ];
};

export const dnsSubdomain: StringRule = (value) => {
  const errors = bytes(value) > 253 ? [tooLongFor(253)] : [];
  if (subdomainForm.test(value)) return errors;
  return [
    ...errors,
    formError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      subdomain,
      "example.com",
    ),
  ];
};

export const dnsSubdomainWithUnderscore: StringRule = (value) => {
  const errors = bytes(value) > 253 ? [tooLongFor(253)] : [];
  if (underscoreSubdomainForm.test(value)) return errors;
  return [
    ...errors,
    formError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
      underscoreSubdomain,
      "example.com",
    ),
  ];
};

export const dnsLabel1035: StringRule = (value) => {
  const errors = bytes(value) > 63 ? [tooLongFor(63)] : [];
  if (label1035Form.test(value)) return errors;
  return [
    ...errors,
    formError(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      label1035,
      "my-name",
      "abc-123",
    ),
  ];
};

export const wildcardSubdomain: StringRule = (value) => {
  const errors = bytes(value) > 253 ? [tooLongFor(253)] : [];
  if (wildcardForm.test(value)) return errors;
  return [
    ...errors,
    formError(
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
      `\\*\\.${subdomain}`,
      "*.example.com",
    ),
  ];
};

/** A label key, a resource name, an annotation key: an optional DNS subdomain, a slash and a name. */
export const qualifiedName: StringRule = (value) => {
  const message =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const form = formError(message, qualified, "MyName", "my.name", "123-abc");
  const parts = value.split("/");
  const errors: string[] = [];
  let name = parts[0] ?? "";
  if (parts.length === 2) {
    const prefix = parts[0] ?? "";
    name = parts[1] ?? "";
    if (prefix === "") errors.push("prefix part must be non-empty");
    else errors.push(...dnsSubdomain(prefix).map((e) => `prefix part ${e}`));
  } else if (parts.length > 2) {
    return [
      `a qualified name ${form} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === "") errors.push("name part must be non-empty");
  else if (bytes(name) > 63) errors.push(`name part ${tooLongFor(63)}`);
  if (!qualifiedForm.test(name)) errors.push(`name part ${form}`);
  return errors;
};

export const labelValue: StringRule = (value) => {
  const errors = bytes(value) > 63 ? [tooLongFor(63)] : [];
  if (labelValueWhole.test(value)) return errors;
  return [
    ...errors,
    formError(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      labelValueForm,
      "MyValue",
      "my_value",
      "12345",
    ),
  ];
};

/** What may be part of a URL path: names of roles and of other kinds without DNS meaning. */
export const pathSegment: StringRule = (value) => {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  const errors: string[] = [];
  for (const bad of ["/", "%"]) if (value.includes(bad)) errors.push(`may not contain '${bad}'`);
  return errors;
};

/** Environment variable names: any printable ASCII but `=`. */
export const envVarName: StringRule = (value) => {
  if (value === "") return ["environment variable name must be non-empty"];
  return /^[\x20-\x3c\x3e-\x7e]*$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

/** Names of service ports in containers and Services (IANA service names). */
export const portName: StringRule = (value) => {
  const errors: string[] = [];
  if (bytes(value) > 15) errors.push(tooLongFor(15));
  if (!/^[-a-z0-9]+$/.test(value))
    errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(value)) errors.push("must contain at least one letter (a-z)");
  if (value.includes("--")) errors.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) errors.push("must not begin or end with a hyphen");
  return errors;
};

export const portNumber = (port: number): string[] =>
  Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [between(1, 65535)];

export const httpHeaderName: StringRule = (value) =>
  /^[-A-Za-z0-9]+$/.test(value)
    ? []
    : [
        formError(
          "a valid HTTP header must consist of alphanumeric characters or '-'",
          "[-A-Za-z0-9]+",
          "X-Header-Name",
        ),
      ];

/** Keys of a ConfigMap or Secret, which become file names. */
export const dataKey: StringRule = (value) => {
  const errors = bytes(value) > 253 ? [tooLongFor(253)] : [];
  if (!/^[-._a-zA-Z0-9]+$/.test(value))
    errors.push(
      formError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        "[-._a-zA-Z0-9]+",
        "key.name",
        "KEY_NAME",
        "key-name",
      ),
    );
  if (value === ".") errors.push("must not be '.'");
  else if (value === "..") errors.push("must not be '..'");
  else if (value.startsWith("..")) errors.push("must not start with '..'");
  return errors;
};

export const percent: StringRule = (value) =>
  /^[0-9]+%$/.test(value)
    ? []
    : [
        formError(
          "a valid percent string must be a numeric string followed by an ending '%'",
          "[0-9]+%",
          "1%",
          "93%",
        ),
      ];

export const cIdentifier: StringRule = (value) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
    ? []
    : [
        formError(
          "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
          "[A-Za-z_][A-Za-z0-9_]*",
          "my_name",
          "MY_NAME",
          "MyName",
        ),
      ];

/** Turns a rule's findings into field errors. */
export const check = (rule: StringRule, value: string, path: Path): FieldError[] =>
  rule(value).map((message) => invalidValue(path, value, message));

const pathForm = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathWhole = whole(pathForm);

/** `acme.io/foo`: a domain and a path in it. */
export function domainPrefixedPath(value: string, path: Path): FieldError[] {
  if (value === "") return [required(path)];
  const slash = value.indexOf("/");
  if (slash <= 0 || slash === value.length - 1)
    return [invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const tail = value.slice(slash + 1);
  return [
    ...check(dnsSubdomain, value.slice(0, slash), path),
    ...(pathWhole.test(tail) ? [] : [invalidValue(path, tail, formError("Invalid path", pathForm))]),
  ];
}
