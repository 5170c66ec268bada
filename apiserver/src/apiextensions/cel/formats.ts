/** `format.named("dns1123Label")` and its kin: forms that a string may be checked against. */
import {
  dnsLabel,
  dnsLabel1035,
  dnsSubdomain,
  labelValue,
  qualifiedName,
  type StringRule,
} from "../../kinds/shared/names.ts";
import { formatProblem } from "../schema/formats.ts";
import { Optional, type Environment } from "@coracle/shared/cel/library.ts";

class Format {
  readonly rule: StringRule;
  constructor(rule: StringRule) {
    this.rule = rule;
  }
}

class Formats {
  readonly name = "format";
}

/** A name's prefix may end in a dash. */
const asPrefix =
  (rule: StringRule): StringRule =>
  (text) =>
    rule(text.endsWith("-") ? `${text.slice(0, -1)}a` : text);

const byFormat =
  (name: string, problem: string): StringRule =>
  (text) =>
    formatProblem(name, text) ? [problem] : [];

const rules: Readonly<Record<string, StringRule>> = {
  dns1123Label: dnsLabel,
  dns1123Subdomain: dnsSubdomain,
  dns1035Label: dnsLabel1035,
  qualifiedName,
  dns1123LabelPrefix: asPrefix(dnsLabel),
  dns1123SubdomainPrefix: asPrefix(dnsSubdomain),
  dns1035LabelPrefix: asPrefix(dnsLabel1035),
  labelValue,
  uri: byFormat("uri", "invalid URI for request"),
  uuid: byFormat("uuid", "does not match the UUID format"),
  byte: byFormat("byte", "invalid base64"),
  date: byFormat("date", "invalid date"),
  datetime: byFormat("date-time", "invalid datetime"),
};

export function registerFormats(environment: Environment): void {
  const type = "kubernetes.NamedFormat";
  environment
    .registerType(type, Format)
    .registerType("format.Namespace", Formats)
    .registerConstant("format", "format.Namespace", new Formats())
    .registerFunction(`format.Namespace.named(string): optional<${type}>`, (_: Formats, name: string) => {
      const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
      return rule ? Optional.of(new Format(rule)) : Optional.none();
    })
    .registerFunction(
      `${type}.validate(string): optional<list<string>>`,
      ({ rule }: Format, text: string) => {
        const problems = rule(text);
        return problems.length > 0 ? Optional.of(problems) : Optional.none();
      },
    );
  for (const [name, rule] of Object.entries(rules)) {
    environment.registerFunction(`format.Namespace.${name}(): ${type}`, () => new Format(rule));
  }
}
