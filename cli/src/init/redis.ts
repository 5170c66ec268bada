import { createHash } from "node:crypto";

/**
 * Durable at every acknowledged write; TLS with client certificates; the local socket is for the health check. Nothing in
 * the store expires, so Redis need not wake ten times a second to look.
 */
export const redisConfig = `port 0
tls-port 6379
bind * -::*
protected-mode no
tls-cert-file /pki/tls.crt
tls-key-file /pki/tls.key
tls-ca-cert-file /pki/ca.crt
tls-auth-clients yes
unixsocket /tmp/redis.sock
unixsocketperm 700
aclfile /pki/users.acl
dir /data
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
tcp-keepalive 60
hz 2
`;

/**
 * The API server may do all that is not administration, `probe` nothing but PING. Nobody can log in as `default`, yet it keeps
 * its rights: Redis replays its own log as that user, and drops every transaction that it may not make.
 */
export function redisUsers(apiserverPassword: string): string {
  const hash = createHash("sha256").update(apiserverPassword).digest("hex");
  return [
    "user default off resetpass ~* &* +@all",
    "user probe on nopass resetkeys resetchannels -@all +ping",
    `user apiserver on #${hash} ~* &* +@all -@admin -@dangerous +info`,
    "",
  ].join("\n");
}
