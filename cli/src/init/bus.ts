import { type BusPermissions, permissionsFor } from "@coracle/shared/bus/permissions.ts";
import {
  createAccount,
  createOperator,
  createUser,
  decode,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
  fromSeed,
  type KeyPair,
  type OperatorLimits,
  type User,
} from "@nats-io/jwt";

/** The identities whose credentials are made at the start; kubelets get theirs from the API server. */
export const BUS_IDENTITIES = [
  "apiserver",
  "controller-manager",
  "scheduler",
  "kube-proxy",
  "bootstrap",
] as const;
export type BusIdentity = (typeof BUS_IDENTITIES)[number];

/** Seeds of the keys that the bus's trust hangs on. */
export interface BusSeeds {
  readonly operator: string;
  /** The identity of account CORACLE. */
  readonly account: string;
  /** Signs the account's users; the API server holds it as well. */
  readonly accountSigning: string;
  readonly system: string;
}

const UNLIMITED: OperatorLimits = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
};

const seedOf = (pair: KeyPair): string => new TextDecoder().decode(pair.getSeed());
const pairOf = (seed: string): KeyPair => fromSeed(new TextEncoder().encode(seed));

export function createBusSeeds(): BusSeeds {
  return {
    operator: seedOf(createOperator()),
    account: seedOf(createAccount()),
    accountSigning: seedOf(createAccount()),
    system: seedOf(createAccount()),
  };
}

/** The public key of account CORACLE: the issuer account of its users. */
export const accountPublicKey = (seeds: BusSeeds): string => pairOf(seeds.account).getPublicKey();

/** The broker's configuration: TLS, and who is trusted to say who is who. */
export async function brokerConfig(seeds: BusSeeds): Promise<string> {
  const operator = pairOf(seeds.operator);
  const account = pairOf(seeds.account);
  const system = pairOf(seeds.system);
  const operatorJwt = await encodeOperator("coracle", operator, { system_account: system.getPublicKey() });
  const accountJwt = await encodeAccount(
    "CORACLE",
    account,
    { limits: UNLIMITED, signing_keys: [pairOf(seeds.accountSigning).getPublicKey()] },
    { signer: operator },
  );
  const systemJwt = await encodeAccount("SYS", system, { limits: UNLIMITED }, { signer: operator });
  return `port: 4222
http: "127.0.0.1:8222"
tls {
  cert_file: "/pki/tls.crt"
  key_file: "/pki/tls.key"
  ca_file: "/pki/ca.crt"
}
max_payload: 1MB
operator: ${operatorJwt}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${account.getPublicKey()}: ${accountJwt}
  ${system.getPublicKey()}: ${systemJwt}
}
`;
}

/** Whether a broker configuration is of these keys. Its JWTs carry the time they were made, so bytes differ each time. */
export function isConfigOf(config: string | undefined, seeds: BusSeeds): boolean {
  if (config === undefined) return false;
  const keys = [seeds.account, seeds.system].map((seed) => pairOf(seed).getPublicKey());
  const jwts = config.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? [];
  const signing = pairOf(seeds.accountSigning).getPublicKey();
  return (
    keys.every((key) => config.includes(`  ${key}: eyJ`)) &&
    jwts.some((jwt) => decode(jwt).iss === pairOf(seeds.operator).getPublicKey()) &&
    jwts.some((jwt) => JSON.stringify(decode(jwt)).includes(signing))
  );
}

/** Permissions as a user JWT states them. */
export function userClaims(permissions: BusPermissions, issuerAccount: string): Partial<User> {
  return {
    issuer_account: issuerAccount,
    pub: { allow: [...permissions.publish] },
    sub: { allow: [...permissions.subscribe] },
    subs: -1,
    data: -1,
    payload: -1,
  };
}

/** A `.creds` file: a user JWT signed by the account's signing key, and the user's seed. */
export async function mintCredentials(identity: string, seeds: BusSeeds): Promise<string> {
  const user = createUser();
  const claims = userClaims(permissionsFor(identity), accountPublicKey(seeds));
  const jwt = await encodeUser(identity, user, pairOf(seeds.accountSigning), claims);
  return new TextDecoder().decode(fmtCreds(jwt, user));
}

/** Whether credentials still say what the permission table says, under the present keys. */
export function areCredentialsGood(creds: string | undefined, identity: string, seeds: BusSeeds): boolean {
  const jwt = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m.exec(creds ?? "")?.[0];
  if (jwt === undefined) return false;
  const claims = decode<User>(jwt);
  const wanted = userClaims(permissionsFor(identity), accountPublicKey(seeds));
  return (
    claims.name === identity &&
    claims.iss === pairOf(seeds.accountSigning).getPublicKey() &&
    claims.nats.issuer_account === wanted.issuer_account &&
    JSON.stringify(claims.nats.pub?.allow ?? []) === JSON.stringify(wanted.pub?.allow) &&
    JSON.stringify(claims.nats.sub?.allow ?? []) === JSON.stringify(wanted.sub?.allow)
  );
}
