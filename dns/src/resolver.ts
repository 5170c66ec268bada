import dnsPacket, {
  type Answer as PacketAnswer,
  type DecodedPacket,
  type Packet,
  type Question,
} from "dns-packet";
import { reverseAddress, type Answer, type createRecords, type Lookup } from "./records.ts";

/** Seconds that clients may keep an answer; CoreDNS's default for cluster records. */
const ttl = 5;
const responseCode = { noError: 0, nameError: 3 } as const;
/** Names an alias may lead through. */
const maxAliases = 8;

/** Asks the resolvers outside the cluster. Throws when none of them answers. */
export type Forward = (query: DecodedPacket) => Promise<DecodedPacket>;

const record = (answer: Answer): PacketAnswer => ({ ...answer, ttl, class: "IN" });

/** Rotates, so that clients which take the first address spread over all. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  if (items.length < 2) return [...items];
  const start = Math.floor(random() * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}

/** Answers a query from the cluster's records, or through `forward`. */
export function createResolver(options: {
  records: ReturnType<typeof createRecords>;
  domain: string;
  forward: Forward;
  serial: () => number;
  random?: () => number;
}) {
  const { records, domain, forward, random = Math.random } = options;
  const inCluster = (name: string): boolean => name === domain || name.endsWith(`.${domain}`);

  const soa = (): PacketAnswer => ({
    name: domain,
    type: "SOA",
    class: "IN",
    ttl,
    data: {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial: options.serial(),
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum: ttl,
    },
  });

  function local(question: Question): Lookup | "elsewhere" {
    const name = question.name.toLowerCase();
    if (inCluster(name)) return records.forward(name, question.type);
    const address = reverseAddress(name);
    const found = address && question.type === "PTR" ? records.reverse(name, address) : undefined;
    return found ?? "elsewhere";
  }

  /** Follows an alias (ExternalName) so that a stub resolver gets the address too. */
  async function chase(query: DecodedPacket, question: Question, answers: PacketAnswer[]): Promise<void> {
    for (let left = maxAliases; left > 0; left--) {
      const last = answers.at(-1);
      if (last?.type !== "CNAME" || question.type === "CNAME") return;
      const next: Question = { ...question, name: last.data.replace(/\.$/, "") };
      const found = local(next);
      if (found === "elsewhere") {
        const answer = await forward({ ...query, questions: [next] });
        answers.push(...(answer.answers ?? []));
        return;
      }
      if (!found) return;
      answers.push(...shuffled(found.answers, random).map(record));
    }
  }

  return async function resolve(query: DecodedPacket): Promise<Packet> {
    const [question] = query.questions ?? [];
    const head = { type: "response" as const, id: query.id ?? 0, questions: query.questions ?? [] };
    const recursion = dnsPacket.RECURSION_AVAILABLE | ((query.flags ?? 0) & dnsPacket.RECURSION_DESIRED);
    if (!question) return { ...head, flags: recursion | 1 };
    const found = local(question);
    if (found === "elsewhere") {
      const answer = await forward(query);
      return {
        ...answer,
        ...head,
        type: "response",
        additionals: (answer.additionals ?? []).filter((a) => a.type !== "OPT"),
      };
    }
    const flags = recursion | dnsPacket.AUTHORITATIVE_ANSWER;
    if (question.type === "SOA" && question.name.toLowerCase() === domain)
      return { ...head, flags, answers: [{ ...soa(), name: question.name }] };
    if (!found) return { ...head, flags: flags | responseCode.nameError, authorities: [soa()] };
    // The name is given back in the case it was asked in; some resolvers check that.
    const answers = shuffled(found.answers, random).map((a) =>
      record(a.name === question.name.toLowerCase() ? { ...a, name: question.name } : a),
    );
    await chase(query, question, answers);
    if (answers.length === 0) return { ...head, flags, authorities: [soa()] };
    return {
      ...head,
      flags: flags | responseCode.noError,
      answers,
      additionals: (found.additionals ?? []).map(record),
    };
  };
}
